package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

const (
	revokeToken = "token revocation"
	showToken   = "token look-up"
)

// RevokeToken ends token by its own authority and returns nil once it is known
// to be dead: ProcessMaker confirmed it, or does not accept the token any more.
// Revoking a dead token is a success. The refresh token that came with it is not
// ended. Failures are of type *Error.
//
// A refused token is dead once it is over ten seconds old by its receipt and by its
// nbf claim. A younger one is tried again after two seconds, five times at most;
// refused and still young after that, it is an Unavailable failure. The refusal of a
// Twin proves nothing at any age: it is a TwinRefused failure.
//
// ProcessMaker 4.7 and later answer 500 to the revocation of a token without a
// name although it worked; the token itself is then asked.
func (c *Client) RevokeToken(ctx context.Context, token Token) error {
	_, err := c.EndToken(ctx, token)
	return err
}

// EndToken is RevokeToken, and tells whether the token lived until then: one that did not
// was ended by something else.
func (c *Client) EndToken(ctx context.Context, token Token) (lived bool, err error) {
	deletion := call{method: http.MethodDelete, operation: revokeToken, lane: background}
	if token.Twin() {
		// Without that, a failure of the server's own followed by a refusal would
		// look like a success.
		if err := c.acceptsTwin(ctx, token); err != nil {
			return false, err
		}
		deletion.accepted = true
	}
	r, err := c.askAs(ctx, token, deletion)
	switch {
	case err != nil:
		return false, err
	case r.status == http.StatusNoContent:
		return true, nil
	case r.json && (r.status == http.StatusInternalServerError || r.status == http.StatusNotFound):
		return true, c.confirmRevoked(ctx, token, r)
	case isUnauthenticated(r) && deletion.accepted:
		return false, twinRefused(token, r)
	case isUnauthenticated(r):
		return false, c.settledRefusal(token, revokeToken)
	default:
		return false, apiFailure(revokeToken, r)
	}
}

// acceptsTwin asks once whether a twin is accepted: its refusal proves nothing at any
// age.
func (c *Client) acceptsTwin(ctx context.Context, token Token) error {
	r, err := c.askAs(ctx, token, call{method: http.MethodGet, operation: revokeToken, lane: background, accepted: true})
	switch {
	case err != nil:
		return err
	case isUnauthenticated(r):
		return twinRefused(token, r)
	case r.status != http.StatusOK || !shows(r, token):
		return apiFailure(revokeToken, r)
	default:
		return nil
	}
}

func twinRefused(token Token, r *reply) *Error {
	return &Error{
		Kind:      TwinRefused,
		Operation: revokeToken,
		Status:    r.status,
		Detail:    fmt.Sprintf("its user and its auth client both have the number %s, and once the client has an owner the token may be accepted again", token.UserID),
	}
}

// confirmRevoked asks whether token is dead after a revocation whose answer
// leaves it open. The answer did show that the token had been accepted, so a
// refusal now needs no second look.
func (c *Client) confirmRevoked(ctx context.Context, token Token, revocation *reply) error {
	r, err := c.askAs(ctx, token, call{method: http.MethodGet, operation: revokeToken, lane: background, accepted: true})
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
	r, err := c.askAs(ctx, token, call{method: http.MethodGet, operation: showToken, lane: foreground, passBreaker: true})
	switch {
	case err != nil:
		return false, err
	case isUnauthenticated(r):
		return false, c.settledRefusal(token, showToken)
	case r.status != http.StatusOK:
		return false, apiFailure(showToken, r)
	case !shows(r, token):
		return false, &Error{Kind: NotProcessMaker, Operation: showToken, Status: r.status, Detail: "the answer is not the token"}
	default:
		return true, nil
	}
}

// shows tells whether an answer is the look-up of token: anything between may
// answer 200, which says nothing of it.
func shows(r *reply, token Token) bool {
	var shown struct {
		ID string `json:"id"`
	}
	return r.json && json.Unmarshal(r.body, &shown) == nil && shown.ID == token.ID
}

// CheckTokenEndpoint asks whether the base URL leads to ProcessMaker's token
// endpoint: its API refuses a path that is not there like one that is. The
// question, a request without a grant, is a token call. Failures are of type
// *Error, and open no breaker.
func (c *Client) CheckTokenEndpoint(ctx context.Context) error {
	const operation = "token endpoint check"
	req, err := http.NewRequest(http.MethodPost, c.endpoint("oauth", "token"), http.NoBody)
	if err != nil {
		return &Error{Kind: BadRequest, Operation: operation, Detail: "the address of the token endpoint cannot be made", NotSent: true}
	}
	r, err := c.exchange(ctx, req, call{operation: operation, lane: foreground, budgeted: true, looking: true})
	if err != nil {
		return err
	}
	failure := grantFailure(operation, r)
	switch failure.Kind {
	case GrantNotEnabled, BadRequest, Throttled:
		return nil // RFC 6749 §5.2, or the limit of a token endpoint
	case NotProcessMaker:
		failure.Detail = "ProcessMaker's token endpoint would have answered 400 with its own JSON, found was " + found(r)
	}
	return failure
}

// CheckConnection asks whether a ProcessMaker answers at the base URL. It needs
// no credentials: ProcessMaker's API knows how to refuse. Failures are of type
// *Error, and open no breaker.
func (c *Client) CheckConnection(ctx context.Context) error {
	const operation = "connection check"
	req, err := http.NewRequest(http.MethodGet, c.apiEndpoint("users"), nil)
	if err != nil {
		return &Error{Kind: BadRequest, Operation: operation, Detail: "the address of the API cannot be made", NotSent: true}
	}
	r, err := c.exchange(ctx, req, call{operation: operation, lane: foreground, looking: true})
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
