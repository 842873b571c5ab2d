package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
)

// loginTrouble says in the operator's words why a role could not log in, and
// what cures it.
func loginTrouble(name string, r *role, auth authClient, err error, now time.Time) string {
	return fmt.Sprintf("role %q: %s", name, loginCause(r, auth, err, now))
}

// loginCause is loginTrouble without the role's name.
func loginCause(r *role, auth authClient, err error, now time.Time) string {
	var inWords *explained
	if errors.As(err, &inWords) {
		return inWords.text
	}
	var remembered *rememberedRefusal
	if errors.As(err, &remembered) {
		return fmt.Sprintf("%s. This was found a moment ago and is not tried again for %s; writing the role or the config clears it",
			loginCause(r, auth, remembered.error, now), wait(remembered.until, now))
	}
	var failure *client.Error
	if !errors.As(err, &failure) {
		return err.Error()
	}
	where := "the role"
	if r.AuthClient.ID == "" {
		where = "the config"
	}
	switch failure.Kind {
	case client.GrantDead:
		return fmt.Sprintf("ProcessMaker refused the login of user %q: wrong username or password, or the user is deleted or signs in elsewhere (SSO, LDAP). Correct username and password of the role", r.Username)
	case client.ClientRefused:
		return fmt.Sprintf("ProcessMaker refused auth client %q of %s: wrong client_id or client_secret, the client is deleted, or \"Enable Password Grant\" is off for it. Correct client_id and client_secret of %s", auth.ID, where, where)
	case client.GrantNotEnabled:
		return "this ProcessMaker has no password grant; releases 4.14.0 and 4.14.1 switched it off by mistake: upgrade to 4.14.2 or later"
	case client.ScopeRefused:
		return "ProcessMaker refused the scopes; it defines none: clear scopes of the role"
	case client.Throttled:
		return fmt.Sprintf("ProcessMaker's limit of token calls is used up; try again in %s. Longer leases, fewer reads, or token_requests_per_minute of the config if the server allows more, help", wait(failure.RetryAt, now))
	case client.Unavailable:
		if !failure.RetryAt.IsZero() {
			return fmt.Sprintf("ProcessMaker cannot be reached (%s); try again in %s", failure, wait(failure.RetryAt, now))
		}
		return fmt.Sprintf("ProcessMaker cannot be reached (%s)", failure)
	default:
		return failure.Error()
	}
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
// turn it is: 400 the operator's or the reader's, 502 ProcessMaker's, 503
// later, 500 ours. It is not for renewals and revocations, where Vault makes
// every error a 400.
func upstreamAnswer(text string, err error) (*logical.Response, error) {
	var refused *refusal
	switch {
	case errors.As(err, &refused), isRefusal(err), client.KindOf(err) == client.Forbidden, client.KindOf(err) == client.NotFound:
		return logical.ErrorResponse("%s", text), nil
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
