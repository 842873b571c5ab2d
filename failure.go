package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/logingate"
)

// trouble is what is wrong, in an operator's words, and what cures it.
type trouble struct {
	cause, cure string
	// retryAt is when trying again makes sense; zero where that is unknown.
	retryAt time.Time
}

func (t trouble) String() string {
	if t.cure == "" {
		return t.cause
	}
	return t.cause + ". " + t.cure
}

// refusal is an error that is the caller's to mend, and how.
type refusal struct{ text, cure string }

func (r *refusal) Error() string { return trouble{cause: r.text, cure: r.cure}.String() }

// loginTrouble says why a role could not log in, and what cures it.
func loginTrouble(name string, r *role, auth authClient, err error, now time.Time) string {
	return fmt.Sprintf("role %q: %s", name, loginCause(r, auth, err, now))
}

// loginCause is loginTrouble without the role's name.
func loginCause(r *role, auth authClient, err error, now time.Time) trouble {
	var (
		inWords    *explained
		remembered *logingate.Remembered
		refused    *refusal
		failure    *client.Error
	)
	switch {
	case errors.As(err, &inWords):
		return trouble{cause: inWords.text}
	case errors.As(err, &remembered):
		t := loginCause(r, auth, remembered.Refusal, now)
		t.cure = strings.TrimPrefix(fmt.Sprintf("%s. This was found a moment ago and is not tried again for %s; writing the role or the config clears it", t.cure, wait(remembered.Until, now)), ". ")
		t.retryAt = remembered.Until
		return t
	case errors.As(err, &refused):
		return trouble{cause: refused.text, cure: refused.cure}
	case errors.As(err, &failure):
		return upstreamTrouble(r, auth, failure, now)
	default:
		return trouble{cause: err.Error()}
	}
}

// upstreamTrouble is a failed exchange of a role.
func upstreamTrouble(r *role, auth authClient, failure *client.Error, now time.Time) trouble {
	where := "the role"
	if r.AuthClient.ID == "" {
		where = "the config"
	}
	t := trouble{cause: failure.Error(), retryAt: failure.RetryAt}
	switch failure.Kind {
	case client.GrantDead:
		t.cause = fmt.Sprintf("ProcessMaker refused the login of user %q: wrong username or password, or the user is deleted or signs in elsewhere (SSO, LDAP)", r.Username)
		t.cure = "Correct username and password of the role"
	case client.ClientRefused:
		t.cause = fmt.Sprintf("ProcessMaker refused auth client %q of %s: wrong client_id or client_secret, the client is deleted, or \"Enable Password Grant\" is off for it", auth.ID, where)
		t.cure = "Correct client_id and client_secret of " + where
	case client.GrantNotEnabled:
		t.cause = "this ProcessMaker has no password grant; releases 4.14.0 and 4.14.1 switched it off by mistake"
		t.cure = "Upgrade it to 4.14.2 or later"
	case client.ScopeRefused:
		t.cause, t.cure = "ProcessMaker refused the scopes; it defines none", "Clear scopes of the role"
	case client.Throttled:
		t.cause = fmt.Sprintf("ProcessMaker's limit of token calls is used up; try again in %s", wait(failure.RetryAt, now))
		t.cure = "Longer leases, fewer reads, or token_requests_per_minute of the config if the server allows more, help"
	case client.Unavailable:
		t.cause = fmt.Sprintf("ProcessMaker cannot be reached (%s)", failure)
		if !failure.RetryAt.IsZero() {
			t.cause += "; try again in " + wait(failure.RetryAt, now).String()
		}
	}
	return t
}

// serverError tells whether ProcessMaker itself failed with a 500.
func serverError(err error) bool {
	var failure *client.Error
	return errors.As(err, &failure) && failure.Status == http.StatusInternalServerError
}

// wait is the time until at in whole seconds, at least one.
func wait(at, now time.Time) time.Duration {
	return max(at.Sub(now).Round(time.Second), time.Second)
}

// upstreamAnswer gives a failed exchange the status that tells the reader whose
// turn it is: 400 the operator's or the reader's, 409 nobody's (try again), 502
// ProcessMaker's, 503 later, 500 ours. It is not for renewals and revocations,
// where Vault makes every error a 400.
func upstreamAnswer(text string, err error) (*logical.Response, error) {
	var refused *refusal
	switch {
	case errors.As(err, &refused), isRefusal(err), client.KindOf(err) == client.Forbidden, client.KindOf(err) == client.NotFound, client.KindOf(err) == client.PasswordRefused:
		return logical.ErrorResponse("%s", text), nil
	}
	if isOvertaken(err) {
		return nil, logical.CodedError(http.StatusConflict, text)
	}
	switch client.KindOf(err) {
	case client.Throttled:
		return nil, logical.CodedError(http.StatusServiceUnavailable, text)
	case client.Unavailable, client.NotProcessMaker, client.UnusableToken, client.TokenRefused:
		return nil, logical.CodedError(http.StatusBadGateway, text)
	default:
		return nil, errors.New(text)
	}
}

// isOvertaken tells whether what the request was about is not what it was when
// the request began.
func isOvertaken(err error) bool {
	var role errRoleMoved
	return errors.Is(err, errOvertaken) || errors.Is(err, errRoleOvertaken) || errors.Is(err, errSessionOver) || errors.Is(err, errConfigGone) ||
		errors.Is(err, errPasswordOvertaken) || errors.Is(err, errSettingsMoved) || errors.As(err, &role)
}

// isRefusal tells whether err is about what the role says, so that the same
// login would be refused again.
func isRefusal(err error) bool {
	switch client.KindOf(err) {
	case client.GrantDead, client.ClientRefused, client.GrantNotEnabled, client.ScopeRefused:
		return true
	default:
		return false
	}
}
