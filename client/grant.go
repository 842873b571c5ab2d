package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"golang.org/x/oauth2"
)

// The operations' names in errors.
const (
	passwordGrant = "password grant"
	refreshGrant  = "refresh grant"
	codeGrant     = "authorization code grant"
)

// AuthMethod is how the auth client proves itself to the token endpoint, named
// as in OpenID Connect Core §9.
type AuthMethod string

const (
	// ClientSecretPost sends id and secret in the body, as ProcessMaker's own
	// guides do. It does not depend on a proxy that passes Authorization on.
	ClientSecretPost AuthMethod = "client_secret_post"
	// ClientSecretBasic sends them as HTTP Basic (RFC 6749 §2.3.1).
	ClientSecretBasic AuthMethod = "client_secret_basic"
)

// AuthClient is an OAuth client registered at ProcessMaker.
type AuthClient struct {
	ID, Secret string
	Method     AuthMethod
}

// Login is a user's own way in.
type Login struct {
	Username, Password string
	// Scopes are sent only if there are any; ProcessMaker defines none.
	Scopes []string
}

// Grant is what the token endpoint gives.
type Grant struct {
	Access Token
	// Refresh is good once: using it also ends Access. It is empty where the
	// server gave none.
	Refresh string
}

// Grants are the token calls of one caller. Each of them counts against the limit
// of the token endpoint, waits for up to 20 s for its turn, and fails with an error
// of type *Error.
type Grants struct {
	client *Client
	caller Caller
}

// For gives the token calls on behalf of caller.
func (c *Client) For(caller Caller) Grants { return Grants{c, caller} }

// PasswordGrant logs a user in (RFC 6749 §4.3).
func (g Grants) PasswordGrant(ctx context.Context, auth AuthClient, login Login) (*Grant, error) {
	return g.grant(ctx, passwordGrant, auth, login.Scopes, func(ctx context.Context, cfg *oauth2.Config) (*oauth2.Token, error) {
		return cfg.PasswordCredentialsToken(ctx, login.Username, login.Password)
	})
}

// RefreshGrant trades a refresh token for a new pair (RFC 6749 §6). The old
// access token dies with it at once. Unless CertainlyNotDone or RefusedWithoutUse
// say otherwise, the old pair may be dead after a failure.
func (g Grants) RefreshGrant(ctx context.Context, auth AuthClient, refreshToken string) (*Grant, error) {
	return g.grant(ctx, refreshGrant, auth, nil, func(ctx context.Context, cfg *oauth2.Config) (*oauth2.Token, error) {
		return cfg.TokenSource(ctx, &oauth2.Token{RefreshToken: refreshToken}).Token()
	})
}

// CodeGrant trades an authorization code for a pair of tokens (RFC 6749 §4.1.3,
// RFC 7636 §4.5). redirectURI and verifier are those of the AuthorizationURL.
func (g Grants) CodeGrant(ctx context.Context, auth AuthClient, redirectURI, code, verifier string) (*Grant, error) {
	return g.grant(ctx, codeGrant, auth, nil, func(ctx context.Context, cfg *oauth2.Config) (*oauth2.Token, error) {
		cfg.RedirectURL = redirectURI
		return cfg.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	})
}

// AuthorizationURL is where a person signs in to give a code (RFC 6749 §4.1.1)
// bound to state and to the verifier's S256 challenge (RFC 7636 §4.3).
func (c *Client) AuthorizationURL(clientID, redirectURI, state, verifier string) string {
	cfg := &oauth2.Config{
		ClientID:    clientID,
		RedirectURL: redirectURI,
		Endpoint:    oauth2.Endpoint{AuthURL: c.endpoint("oauth", "authorize")},
	}
	return cfg.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier))
}

type grantRequest func(context.Context, *oauth2.Config) (*oauth2.Token, error)

func (g Grants) grant(ctx context.Context, operation string, auth AuthClient, scopes []string, request grantRequest) (*Grant, error) {
	// A fixed style: x/oauth2 would find it out by sending every failed
	// request a second time.
	style := oauth2.AuthStyleInParams
	if auth.Method == ClientSecretBasic {
		style = oauth2.AuthStyleInHeader
	}
	cfg := &oauth2.Config{
		ClientID:     auth.ID,
		ClientSecret: auth.Secret,
		Scopes:       scopes,
		Endpoint:     oauth2.Endpoint{TokenURL: g.client.tokenURL, AuthStyle: style},
	}
	exchanger := &grantExchanger{Grants: g, operation: operation}
	token, err := request(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: exchanger}), cfg)
	if err != nil {
		return nil, grantError(operation, exchanger.status, err)
	}
	issued := exchanger.issued
	access, err := parseToken(issued.Access, (&oauth2.Token{TokenType: issued.Type}).Type(), g.client.clock.Now())
	if err != nil {
		return nil, &Error{Kind: UnusableToken, Operation: operation, Status: exchanger.status, Detail: err.Error()}
	}
	if issued.Refresh == "" {
		// A refresh that brings no new refresh token leaves the old one good
		// (RFC 6749 §6), which x/oauth2 then gives back.
		issued.Refresh = token.RefreshToken
	}
	return &Grant{Access: access, Refresh: issued.Refresh}, nil
}

// grantExchanger carries x/oauth2's requests through the client's gates and
// turns every answer that is not a success into an *Error, so that x/oauth2,
// whose errors quote answers, only ever sees successes.
type grantExchanger struct {
	Grants
	operation string
	status    int
	issued    issuedTokens
}

// issuedTokens are what is used of a success.
type issuedTokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Refresh string `json:"refresh_token"`
}

// alreadyRead is what x/oauth2 gets to read, in the shorter of the two forms that
// it knows. It would go through the answer twice, and refuse the whole of it for
// an expires_in that it does not like, and with it a token that lives.
const (
	alreadyRead     = "access_token=already+read"
	alreadyReadForm = "application/x-www-form-urlencoded"
)

func (g *grantExchanger) RoundTrip(req *http.Request) (*http.Response, error) {
	r, err := g.client.exchange(req.Context(), req, call{operation: g.operation, lane: granting, budgeted: true, caller: g.caller})
	if err != nil {
		return nil, err
	}
	g.status = r.status
	if r.status != http.StatusOK || !r.json {
		return nil, grantFailure(g.operation, r)
	}
	err = json.Unmarshal(r.body, &g.issued)
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) && mistyped.Field != "" {
		// Field is a name of ours; the rest of the error quotes the answer.
		return nil, &Error{Kind: NotProcessMaker, Operation: g.operation, Status: g.status, Detail: "the " + mistyped.Field + " of the answer is no text"}
	}
	if err != nil || g.issued.Access == "" {
		return nil, noTokenError(g.operation, g.status)
	}
	return &http.Response{
		StatusCode: r.status,
		Header:     http.Header{"Content-Type": {alreadyReadForm}},
		Body:       io.NopCloser(strings.NewReader(alreadyRead)),
		Request:    req,
	}, nil
}

// grantError keeps this package's own errors and replaces every other: those
// of x/oauth2 and encoding/json may quote the answer.
func grantError(operation string, status int, err error) error {
	var typed *Error
	if errors.As(err, &typed) {
		return typed
	}
	return noTokenError(operation, status)
}

func noTokenError(operation string, status int) *Error {
	return &Error{
		Kind:      NotProcessMaker,
		Operation: operation,
		Status:    status,
		Detail:    "the answer holds no access_token in the form of RFC 6749 §5.1",
	}
}
