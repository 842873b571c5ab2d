package client

import (
	"net/http"
	"strconv"
	"time"
)

const (
	// longestAskedWait bounds how long a server may ask to be left alone: a
	// maintenance window announced in hours often ends early, and a header may
	// be wrong.
	longestAskedWait = 10 * time.Minute
	// roundedDown is added to the throttle's Retry-After, which Laravel rounds down
	// to whole seconds.
	roundedDown = time.Second
)

// askedWait reads the Retry-After header in both of its forms (RFC 9110 §10.2.3).
// It is false where the header is absent or unreadable.
func askedWait(header http.Header, now time.Time) (time.Duration, bool) {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, int64(longestAskedWait/time.Second))) * time.Second, true
	}
	at, err := http.ParseTime(value)
	return min(max(at.Sub(now), 0), longestAskedWait), err == nil
}

// throttledUntil is when a 429 lets calls through again. One that does not say
// means the throttle's whole minute.
func throttledUntil(header http.Header, now time.Time) time.Time {
	wait, said := askedWait(header, now)
	if !said {
		return now.Add(budgetWindow)
	}
	return now.Add(min(wait+roundedDown, longestAskedWait))
}

// unavailableUntil is when a 503 says that the server is back; zero where it does
// not say.
func unavailableUntil(header http.Header, now time.Time) time.Time {
	wait, said := askedWait(header, now)
	if !said {
		return time.Time{}
	}
	return now.Add(wait)
}
