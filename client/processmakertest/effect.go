package processmakertest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Delay waits for a real time and then answers normally. It ends early when
// the client goes away, in which case nothing was processed.
func Delay(d time.Duration) Effect {
	return Effect{run: func(v *visit) delivery {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return delivery{answer: v.process()}
		case <-v.request.Context().Done():
		case <-v.server.closing:
		}
		return dropped()
	}}
}

// Hold waits until release is closed or gives a value, then processes and
// answers normally. Like the product it does not notice a client that goes
// away meanwhile: the work is done all the same.
func Hold(release <-chan struct{}) Effect {
	return Effect{run: func(v *visit) delivery {
		if !v.server.await(release) {
			return dropped()
		}
		return delivery{answer: v.process()}
	}}
}

// HoldAnswer processes at once, waits as Hold does, and then answers.
func HoldAnswer(release <-chan struct{}) Effect {
	return Effect{run: func(v *visit) delivery {
		a := v.process()
		return delivery{answer: a, cut: !v.server.await(release)}
	}}
}

// Refuse cuts the connection before anything is processed.
func Refuse() Effect {
	return Effect{run: func(*visit) delivery { return dropped() }}
}

// LoseAnswer processes and then cuts the connection.
func LoseAnswer() Effect {
	return Effect{run: func(v *visit) delivery { return delivery{answer: v.process(), cut: true} }}
}

// Truncated processes, announces the whole answer, sends half of it and cuts
// the connection.
func Truncated() Effect {
	return Effect{run: func(v *visit) delivery { return delivery{answer: v.process(), half: true} }}
}

// Answer gives this answer and processes nothing.
func Answer(status int, header http.Header, body string) Effect {
	return Effect{run: func(*visit) delivery {
		return delivery{answer: foreignAnswer(status, header, body), foreign: true}
	}}
}

// AnswerAfter processes and then gives this answer instead of the product's,
// as a proxy does that gives up waiting. What the product had to say counts as
// never read.
func AnswerAfter(status int, header http.Header, body string) Effect {
	return Effect{run: func(v *visit) delivery {
		v.process()
		return delivery{answer: foreignAnswer(status, header, body), foreign: true}
	}}
}

// Replace processes and lets the test rewrite the answer. The exchange counts
// as read, as only the test knows what it left of the answer.
func Replace(rewrite func(status int, body []byte) (int, []byte)) Effect {
	return Rewrite(func(r *Reply) { r.Status, r.Body = rewrite(r.Status, r.Body) })
}

// Reply is an answer of the product that a test may change before it is sent.
type Reply struct {
	Status int
	// Header is without Content-Length, which is that of Body. A Content-Type
	// without values is one that is not sent.
	Header http.Header
	Body   []byte
	// Stray is sent after the whole answer, as by a server that miscounts or
	// gives a body to a 204. The connection ends with it.
	Stray []byte
}

// Rewrite processes and lets the test change all of the answer. As with
// Replace, the exchange counts as read.
func Rewrite(change func(*Reply)) Effect {
	return Effect{run: func(v *visit) delivery {
		a := v.process()
		r := &Reply{Status: a.status, Header: a.header, Body: a.body}
		change(r)
		return delivery{answer: answer{status: r.Status, header: r.Header, body: r.Body}, stray: r.Stray}
	}}
}

// FailedSave is the product's answer to a change of the own password that it
// could not store: a success but for its words. Nothing is processed.
func FailedSave() Effect {
	return Effect{run: func(v *visit) delivery {
		return delivery{answer: v.server.withTenant(jsonAnswer(http.StatusOK, "false"))}
	}}
}

// HTMLPage gives a page of something in between and processes nothing.
func HTMLPage(status int) Effect {
	page := pageAnswer(status, http.StatusText(status))
	return Answer(status, page.header, string(page.body))
}

// Redirect sends the client elsewhere and processes nothing.
func Redirect(location string) Effect {
	page := redirectAnswer(location)
	return Answer(page.status, page.header, string(page.body))
}

// hugeSize is the size of the answer that Huge gives.
const hugeSize = 2 << 20

// Huge gives a JSON answer of 2 MiB and processes nothing.
func Huge() Effect {
	const frame = `{"message":""}`
	filling := strings.Repeat("x", hugeSize-len(frame))
	return Answer(http.StatusOK, http.Header{"Content-Type": {"application/json"}}, `{"message":"`+filling+`"}`)
}

// Throttled gives the product's refusal of too many token calls, without counting.
func Throttled(seconds int) Effect {
	return Effect{run: func(v *visit) delivery {
		limit := v.server.throttle.limit
		if limit <= 0 {
			limit = 60
		}
		return delivery{answer: v.server.withTenant(tooManyAttempts(v.request, limit, seconds, v.server.config.Clock()))}
	}}
}

// ServerError is the answer of a product that cannot reach its database:
// nothing is processed but the throttle.
func ServerError() Effect {
	return Effect{run: func(v *visit) delivery {
		if !v.route.endpoint.isGrant() {
			return delivery{answer: v.server.withTenant(serverError(v.route.api || wantsJSON(v.request.Header)))}
		}
		fail := func() answer { return serverError(wantsJSON(v.request.Header)) }
		return delivery{answer: v.server.withTenant(v.throttled(fail))}
	}}
}

// Maintenance is the answer of a product in maintenance mode, with Retry-After
// if retryAfter is positive. Even the API answers with a page unless JSON comes
// first in Accept.
func Maintenance(retryAfter int) Effect {
	return Effect{run: func(v *visit) delivery {
		a := messageAnswer(http.StatusServiceUnavailable, "Service Unavailable", wantsJSON(v.request.Header))
		if retryAfter > 0 {
			a.header.Set("Retry-After", strconv.Itoa(retryAfter))
		}
		// The mode is looked at before the tenant is known.
		return delivery{answer: a}
	}}
}

func foreignAnswer(status int, header http.Header, body string) answer {
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	return answer{status: status, header: header, body: []byte(body)}
}
