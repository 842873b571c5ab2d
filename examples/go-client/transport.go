package main

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// renewalWait is the time that a refused call waits for another token.
const renewalWait = 10 * time.Second

// Transport sends calls to ProcessMaker with the current token.
//
// A refresh invalidates the old token a moment before its answer arrives.
// ProcessMaker refuses a call in that moment and does nothing for it. Transport
// sends that call again with the new token.
type Transport struct {
	Source *Source
	// Next sends the calls.
	Next http.RoundTripper
	// Repeated counts the calls that were sent again.
	Repeated atomic.Int64
}

// RoundTrip sends a call, and once more if a renewal replaced its token.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	token, changed := t.Source.Token()
	resp, err := t.send(req, req.Body, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	if req.Body != nil && req.GetBody == nil {
		return resp, nil // cannot be sent again
	}
	select {
	case <-changed:
	case <-time.After(renewalWait):
		return resp, nil // no renewal was under way, so the refusal is final
	case <-req.Context().Done():
		return resp, nil
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	body := req.Body
	if body != nil {
		if body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	t.Repeated.Add(1)
	token, _ = t.Source.Token()
	return t.send(req, body, token)
}

func (t *Transport) send(req *http.Request, body io.ReadCloser, token string) (*http.Response, error) {
	sent := req.Clone(req.Context())
	sent.Body = body
	sent.Header.Set("Authorization", "Bearer "+token)
	return t.Next.RoundTrip(sent)
}
