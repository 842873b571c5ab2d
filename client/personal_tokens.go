package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

const (
	createToken = "personal access token creation"
	listTokens  = "personal access token listing"
	showUser    = "user look-up"
)

// unknownToken is the body of ProcessMaker's 404 to the look-up of a token that it
// does not know. Its other 404s have an object.
const unknownToken = "[]"

// User is a ProcessMaker user, as far as tokens need it.
type User struct {
	ID, Username  string
	Administrator bool
}

// CreatePersonalToken makes a personal access token of the user userID with the
// authority of bearer, a token of that user or of an administrator. It is not
// throttled. Unless NotSent or the kind says otherwise, the token may exist
// after a failure; its name tells.
func (c *Client) CreatePersonalToken(ctx context.Context, bearer Token, userID, name string) (Token, error) {
	body, err := json.Marshal(map[string]string{"name": name})
	if err != nil {
		return Token{}, &Error{Kind: BadRequest, Operation: createToken, Detail: "the name cannot be encoded", NotSent: true}
	}
	r, err := c.askAPI(ctx, bearer, call{method: http.MethodPost, body: body, operation: createToken, lane: creating}, "users", userID, "tokens")
	if err != nil {
		return Token{}, err
	}
	// The published API description says 201, the server 200.
	if r.status != http.StatusOK && r.status != http.StatusCreated {
		return Token{}, apiFailure(createToken, r)
	}
	var made struct {
		AccessToken string `json:"accessToken"`
	}
	if !r.json || json.Unmarshal(r.body, &made) != nil {
		return Token{}, &Error{Kind: NotProcessMaker, Operation: createToken, Status: r.status, Detail: "the answer holds no token"}
	}
	token, err := parseToken(made.AccessToken, "Bearer", r.at)
	if err != nil {
		return Token{}, &Error{Kind: UnusableToken, Operation: createToken, Status: r.status, Detail: err.Error()}
	}
	return token, nil
}

// RevokeTokenOf ends a token of the user userID with the authority of bearer.
// One that is unknown or revoked already is a success, and so is one without a
// name, whose revocation ProcessMaker 4.7 and later answer with a 500.
func (c *Client) RevokeTokenOf(ctx context.Context, bearer Token, userID, tokenID string) error {
	if !tokenIDPattern.MatchString(tokenID) {
		return &Error{Kind: BadRequest, Operation: revokeToken, Detail: "the token's id is not usable", NotSent: true}
	}
	r, err := c.askAPI(ctx, bearer, call{method: http.MethodDelete, operation: revokeToken, lane: background}, "users", userID, "tokens", tokenID)
	if err != nil {
		return err
	}
	switch {
	case r.status == http.StatusNoContent:
		return nil
	case r.json && (r.status == http.StatusNotFound || r.status == http.StatusInternalServerError):
		return c.confirmGone(ctx, bearer, userID, tokenID, r)
	default:
		return apiFailure(revokeToken, r)
	}
}

// confirmGone looks whether a token whose revocation was answered with a failure
// is unknown or revoked: that of a token without a name fails although it worked,
// and something in between may have answered.
func (c *Client) confirmGone(ctx context.Context, bearer Token, userID, tokenID string, revocation *reply) error {
	r, err := c.askAPI(ctx, bearer, call{method: http.MethodGet, operation: revokeToken, lane: background, accepted: true}, "users", userID, "tokens", tokenID)
	if err != nil {
		return err
	}
	var shown struct {
		ID      string `json:"id"`
		Revoked bool   `json:"revoked"`
	}
	switch {
	case r.status == http.StatusNotFound && r.json && string(bytes.TrimSpace(r.body)) == unknownToken:
		return nil
	case r.status != http.StatusOK:
		return apiFailure(revokeToken, r)
	case !r.json || json.Unmarshal(r.body, &shown) != nil || shown.ID != tokenID:
		return &Error{Kind: NotProcessMaker, Operation: revokeToken, Status: r.status, Detail: "the answer is not the token"}
	case !shown.Revoked:
		failure := apiFailure(revokeToken, revocation)
		failure.Detail = "the token is still there"
		return failure
	default:
		return nil
	}
}

// ShowUser looks a user up with the authority of bearer.
func (c *Client) ShowUser(ctx context.Context, bearer Token, userID string) (User, error) {
	r, err := c.askAPI(ctx, bearer, call{method: http.MethodGet, operation: showUser, lane: foreground}, "users", userID)
	if err != nil {
		return User{}, err
	}
	if r.status != http.StatusOK {
		return User{}, apiFailure(showUser, r)
	}
	var shown struct {
		ID            text   `json:"id"`
		Username      string `json:"username"`
		Administrator *bool  `json:"is_administrator"`
	}
	// Not to say whether a user is an administrator is not to say no, and a
	// record without a name would not tell an auditor whose token it was.
	if !r.json || json.Unmarshal(r.body, &shown) != nil || string(shown.ID) != userID || shown.Username == "" || shown.Administrator == nil {
		return User{}, &Error{Kind: NotProcessMaker, Operation: showUser, Status: r.status, Detail: "the answer is not the user"}
	}
	return User{ID: string(shown.ID), Username: shown.Username, Administrator: *shown.Administrator}, nil
}

var errNotAUser = errors.New("a ProcessMaker user id is a number")

// CheckUserID tells whether text can be the id of a ProcessMaker user.
func CheckUserID(text string) error {
	if !userIDPattern.MatchString(text) {
		return errNotAUser
	}
	return nil
}
