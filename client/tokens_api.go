package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	// SettlingTime is how long a new token may still be refused by an app
	// server whose clock is behind that of the one that made it: nbf carries
	// microseconds and is checked without leeway.
	SettlingTime = 10 * time.Second
	// SettlingPause is the wait before a token that young is tried again.
	SettlingPause = 2 * time.Second
)

const (
	revokeToken = "token revocation"
	showToken   = "token look-up"
)

// RevokeToken ends token by its own authority and returns nil once it is known
// to be dead: ProcessMaker confirmed it, or does not accept the token any more.
// Revoking a dead token is a success. It does not end the refresh token that
// came with it.
//
// ProcessMaker 4.7 and later answer 500 to the revocation of a token without a
// name although it worked; the token itself is then asked.
func (c *Client) RevokeToken(ctx context.Context, token Token) error {
	return c.untilSettled(ctx, token, revokeToken, func() (bool, error) {
		r, err := c.askAs(ctx, http.MethodDelete, token, call{operation: revokeToken, lane: background})
		if err != nil {
			return false, err
		}
		switch {
		case r.status == http.StatusNoContent:
			return false, nil
		case r.json && (r.status == http.StatusInternalServerError || r.status == http.StatusNotFound):
			return false, c.confirmRevoked(ctx, token, r)
		case isUnauthenticated(r):
			return true, nil
		default:
			return false, apiFailure(revokeToken, r)
		}
	})
}

// confirmRevoked asks whether token is dead after a revocation whose answer
// leaves it open. The answer did show that the token had been accepted, so a
// refusal now needs no second look.
func (c *Client) confirmRevoked(ctx context.Context, token Token, revocation *reply) error {
	r, err := c.askAs(ctx, http.MethodGet, token, call{operation: revokeToken, lane: background})
	switch {
	case err != nil:
		return err
	case isUnauthenticated(r):
		return nil
	case r.status == http.StatusOK && r.json:
		failure := apiFailure(revokeToken, revocation)
		failure.Detail = "the token is still accepted"
		return failure
	default:
		return apiFailure(revokeToken, r)
	}
}

// TokenAlive asks ProcessMaker whether it accepts token. The question is not
// throttled, and it is asked even while the instance is thought unreachable.
func (c *Client) TokenAlive(ctx context.Context, token Token) (alive bool, err error) {
	err = c.untilSettled(ctx, token, showToken, func() (bool, error) {
		r, err := c.askAs(ctx, http.MethodGet, token, call{operation: showToken, lane: foreground, passBreaker: true})
		switch {
		case err != nil:
			return false, err
		case isUnauthenticated(r):
			return true, nil
		case r.status != http.StatusOK:
			return false, apiFailure(showToken, r)
		case !shows(r, token):
			return false, &Error{Kind: NotProcessMaker, Operation: showToken, Status: r.status, Detail: "the answer is not the token"}
		default:
			alive = true
			return false, nil
		}
	})
	return alive, err
}

// shows tells whether an answer is the look-up of token: anything between may
// answer 200, which says nothing of it.
func shows(r *reply, token Token) bool {
	var shown struct {
		ID string `json:"id"`
	}
	return r.json && json.Unmarshal(r.body, &shown) == nil && shown.ID == token.ID
}

// untilSettled repeats ask while it says that the token was refused and the
// token is young enough for that to be a matter of clocks.
func (c *Client) untilSettled(ctx context.Context, token Token, operation string, ask func() (refused bool, err error)) error {
	for {
		refused, err := ask()
		if err != nil || !refused {
			return err
		}
		if c.clock.Now().Sub(token.ReceivedAt) > SettlingTime {
			return nil
		}
		if err := c.clock.Sleep(ctx, SettlingPause); err != nil {
			return &Error{
				Kind:      Unavailable,
				Operation: operation,
				Detail:    fmt.Sprintf("a token younger than %s was refused, and there was no time to ask again", SettlingTime),
			}
		}
	}
}

// askAs addresses the token's own resource with the token as bearer.
func (c *Client) askAs(ctx context.Context, method string, token Token, call call) (*reply, error) {
	req, err := http.NewRequest(method, c.endpoint("api", "1.0", "users", token.UserID, "tokens", token.ID), nil)
	if err != nil {
		return nil, &Error{Kind: BadRequest, Operation: call.operation, Detail: "the address of the token cannot be made", NotSent: true}
	}
	req.Header.Set("Authorization", "Bearer "+token.Value)
	return c.exchange(ctx, req, call)
}

// CheckConnection asks whether a ProcessMaker answers at the base URL. It needs
// no credentials: ProcessMaker's API knows how to refuse.
func (c *Client) CheckConnection(ctx context.Context) error {
	const operation = "connection check"
	req, err := http.NewRequest(http.MethodGet, c.endpoint("api", "1.0", "users"), nil)
	if err != nil {
		return &Error{Kind: BadRequest, Operation: operation, Detail: "the address of the API cannot be made", NotSent: true}
	}
	r, err := c.exchange(ctx, req, call{operation: operation, lane: foreground})
	if err != nil {
		return err
	}
	if isUnauthenticated(r) {
		return nil
	}
	if failure := troubleFailure(operation, r); failure != nil {
		return failure
	}
	return &Error{
		Kind:      NotProcessMaker,
		Operation: operation,
		Status:    r.status,
		Detail:    "ProcessMaker's API would have answered 401 with its own JSON, found was " + found(r),
	}
}
