package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// settlingTime is how long a new token may still be refused by an app
	// server whose clock is behind the clock of the one that made it: nbf carries
	// microseconds and is checked without leeway.
	settlingTime = 10 * time.Second
	// settlingPause is the wait before a young token is tried again.
	settlingPause = 2 * time.Second
	// settlingRepeats bounds those tries. Together their pauses are settlingTime.
	settlingRepeats = 5
	// longestMaking bounds how long after its noted receipt a token can have
	// been made: the receipt of a personal access token is noted before it is
	// asked for. An nbf later than that shows a clock that differs from ours.
	longestMaking = time.Minute
)

// young tells whether a refusal of token may be a matter of clocks. A token that
// comes from the future is not young: the clock was put back.
func (c *Client) young(token Token) bool {
	made := token.ReceivedAt
	if later := token.NotBefore.Sub(made); later > 0 && later <= longestMaking {
		made = token.NotBefore
	}
	now := c.clock.Now()
	return !now.Before(token.ReceivedAt) && now.Sub(made) < settlingTime
}

// retryYoung makes an exchange with token as its bearer, again while the token is
// refused and young. A refused request had no effect, so that every method may be
// repeated.
func (c *Client) retryYoung(ctx context.Context, token Token, operation string, ask func() (*reply, error)) (*reply, error) {
	for repeats := 0; ; repeats++ {
		r, err := ask()
		if err != nil || !isUnauthenticated(r) || repeats == settlingRepeats || !c.young(token) {
			return r, err
		}
		if err := c.clock.Sleep(ctx, settlingPause); err != nil {
			return nil, youngError(operation, "there was no time to ask again")
		}
	}
}

// settledRefusal believes a refusal of token. It fails where the token is still
// young after all repeats: a token that only the next minute makes good lives.
func (c *Client) settledRefusal(token Token, operation string) error {
	if c.young(token) {
		return youngError(operation, "it may yet be accepted")
	}
	return nil
}

func youngError(operation, why string) *Error {
	return &Error{
		Kind:      Unavailable,
		Operation: operation,
		Status:    http.StatusUnauthorized,
		NoEffect:  true,
		Detail:    fmt.Sprintf("a token younger than %s was refused, and %s", settlingTime, why),
	}
}

// askAPI makes an exchange with the REST API as bearer.
func (c *Client) askAPI(ctx context.Context, bearer Token, call call, segments ...string) (*reply, error) {
	address := c.apiEndpoint(segments...)
	if len(call.query) > 0 {
		address += "?" + call.query.Encode()
	}
	ask := func() (*reply, error) {
		req, err := http.NewRequest(call.method, address, bodyReader(call.body))
		if err != nil {
			return nil, &Error{Kind: BadRequest, Operation: call.operation, Detail: "the request cannot be made", NotSent: true}
		}
		if call.body != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		req.Header.Set("Authorization", "Bearer "+bearer.Value)
		return c.exchange(ctx, req, call)
	}
	if call.accepted {
		return ask()
	}
	return c.retryYoung(ctx, bearer, call.operation, ask)
}

// bodyReader is a true nil for no body: net/http looks for one.
func bodyReader(body []byte) io.Reader {
	if body == nil {
		return nil
	}
	return bytes.NewReader(body)
}

// askAs addresses the token's own resource with the token as bearer.
func (c *Client) askAs(ctx context.Context, token Token, call call) (*reply, error) {
	return c.askAPI(ctx, token, call, "users", token.UserID, "tokens", token.ID)
}
