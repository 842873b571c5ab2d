// Package token gets, refreshes and ends tokens, so that each is on the ledger, with its holder, or
// dead, whatever happens in between. It owns neither keys nor locks nor state. It may import
// engine/role and what that may import.
package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/internal/clock"
	"vault-plugin-secrets-processmaker/internal/logingate"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// Broker gets, refreshes and ends tokens. The packages above it use what it stands on, too.
type Broker struct {
	Storage   logical.Storage
	Clock     clock.Clock
	Random    io.Reader
	Instances *instance.Store
	Roles     *role.Store
	Ledger    *ledger.Ledger
	Report    *telemetry.Reporter
	// Writable tells whether this cluster may write roles: a performance secondary may not.
	Writable func() bool
}

// Login makes a new pair of tokens with the role's password (RFC 6749 §4.3) that ProcessMaker
// accepts. A refused login is remembered by the role's gate. Explain puts its errors into words.
func (b *Broker) Login(ctx context.Context, bound *role.Binding) (grant *client.Grant, err error) {
	settle, err := bound.Gate.Enter(ctx, b.Clock.Now)
	if err != nil {
		return nil, err
	}
	// Settled also if the login panics: others wait for it.
	err = telemetry.ErrPanicked
	defer func() { settle(err, outcomeOf(err)) }()
	grant, err = b.Try(ctx, bound, bound.Password)
	if client.KindOf(err) == client.GrantDead {
		grant, err = b.loginAsChanged(ctx, bound, err)
	}
	if err == nil {
		err = b.admit(ctx, bound, grant)
	}
	b.noteLogin(bound, err)
	return grant, err
}

// Try makes a pair of tokens with a password that need not be the role's, past the role's gate.
func (b *Broker) Try(ctx context.Context, bound *role.Binding, password string) (*client.Grant, error) {
	grant, err := bound.Grants().PasswordGrant(ctx, bound.Auth, bound.Login(password))
	b.NoteLostAnswer(bound.Name, err)
	return grant, err
}

// Prove finds out whether a password holds, by a login for the path purpose that is ended at once.
func (b *Broker) Prove(ctx context.Context, bound *role.Binding, password, purpose string) error {
	grant, err := b.Try(ctx, bound, password)
	if err != nil {
		return err
	}
	b.endLogin(bound, grant, purpose)
	return nil
}

func (b *Broker) endLogin(bound *role.Binding, grant *client.Grant, purpose string) {
	// Without a record the token is discarded, and the password holds all the same.
	if record, err := b.Register(bound, grant, purpose); err == nil {
		b.End(bound.Instance, record)
	}
}

// Verify is Prove for a password that a caller has typed, and finds out whether the user's tokens are
// accepted. A refusal is remembered, by user and auth
// client, so that nobody can try passwords one after the other.
func (b *Broker) Verify(ctx context.Context, bound *role.Binding, password, purpose string) (err error) {
	settle, err := b.Roles.GuessGate(bound, b.Clock.Now()).Enter(ctx, b.Clock.Now)
	if err != nil {
		return err
	}
	// Settled also if the login panics: others wait for it.
	err = telemetry.ErrPanicked
	defer func() { settle(err, outcomeOf(err)) }()
	grant, err := b.Try(ctx, bound, password)
	if err == nil {
		err = b.admit(ctx, bound, grant)
	}
	if err == nil {
		b.endLogin(bound, grant, purpose)
	}
	return err
}

// loginAsChanged logs in with the password that a change has given the user since the role was
// loaded, or may have given. refused is the answer where there is no such password.
func (b *Broker) loginAsChanged(ctx context.Context, bound *role.Binding, refused error) (*client.Grant, error) {
	// The change comes first: it is deleted after the role is written.
	pending, err := b.Roles.Pending(ctx, bound.URL, bound.Username)
	if store.IsUnreadable(err) {
		// The login is refused all the same, and remembered as that.
		return nil, &problem.Error{Kind: problem.Refused, Text: fmt.Sprintf("ProcessMaker refused the login of user %q, and %s", bound.Username, err), Err: refused}
	}
	if err != nil {
		return nil, err
	}
	if pending != nil && pending.Concerns(bound.Name, &bound.Role) {
		grant, err := b.Try(ctx, bound, pending.Password)
		if err == nil && b.Writable() {
			b.adopt(bound.Name, pending)
		}
		return grant, err
	}
	current, err := b.Roles.Get(ctx, bound.Name)
	switch {
	case err != nil:
		return nil, err
	case current == nil || current.Password == bound.Password || current.URL != bound.URL || role.UserKey(current.Username) != role.UserKey(bound.Username):
		return nil, refused
	}
	return b.Try(ctx, bound, current.Password)
}

func (b *Broker) adopt(name string, pending *role.PendingPassword) {
	switch err := b.Roles.Adopt(pending); {
	case err == nil:
		b.Report.Log(hclog.Info, telemetry.Subject{Role: name}, "the role's new password was found to hold")
	case !problem.IsConflict(err): // on a conflict another node has seen to it
		b.Report.Log(hclog.Warn, telemetry.Subject{Role: name}, "the new password of a role could not be written yet", "error", err)
	}
}

// NoteLostAnswer counts a lost answer of a token call: nobody holds the token it may have made.
func (b *Broker) NoteLostAnswer(name string, err error) {
	if client.AnswerLost(err) {
		b.Report.Happened(hclog.Warn, telemetry.LedgerUnaccounted, telemetry.Subject{Role: name}, "the answer to a token call was lost; a token that nobody holds may live at ProcessMaker", "error", err)
	}
}

func (b *Broker) noteLogin(bound *role.Binding, err error) {
	if err != nil && !isRefusal(err) {
		return
	}
	if !b.Report.Health.Of(bound.Name).LoggedIn(err != nil) {
		return
	}
	if err == nil {
		b.Report.Log(hclog.Info, telemetry.Subject{Role: bound.Name}, "the role's login works again")
		return
	}
	b.Report.Log(hclog.Info, telemetry.Subject{Role: bound.Name}, "the role's login is broken", "error", Explain(bound, err, b.Clock.Now()))
}

// isRefusal tells whether err is about the role's own settings: the same login would fail again.
func isRefusal(err error) bool {
	switch client.KindOf(err) {
	case client.GrantDead, client.ClientRefused, client.GrantNotAllowed, client.GrantNotEnabled, client.ScopeRefused, client.TwinRefused:
		return true
	default:
		return false
	}
}

func outcomeOf(err error) logingate.Outcome {
	switch {
	case isRefusal(err):
		return logingate.Refused
	case client.AnswerLost(err):
		return logingate.Lost
	default:
		return logingate.Trouble
	}
}

// Explain says why a role could not sign in, and what cures it. A problem stays as it is.
func Explain(bound *role.Binding, err error, now time.Time) *problem.Error {
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		switch known := cause.(type) {
		case *problem.Error:
			return known
		case *logingate.Remembered:
			return explainRemembered(bound, known, now)
		case *client.Error:
			return explainUpstream(bound, known, now)
		}
	}
	return problem.Explain(err, err.Error())
}

func explainRemembered(bound *role.Binding, remembered *logingate.Remembered, now time.Time) *problem.Error {
	told := *Explain(bound, remembered.Refusal, now)
	until := "writing the role or the config clears it"
	if remembered.Typed {
		until = "until then no other password of this user is tried either, and the role can be written without verify"
	}
	told.Cure = strings.TrimPrefix(fmt.Sprintf("%s. This was found a moment ago and is not tried again for %s; %s", told.Cure, problem.Wait(remembered.Until, now), until), ". ")
	told.RetryAt = remembered.Until
	return &told
}

func explainUpstream(bound *role.Binding, failure *client.Error, now time.Time) *problem.Error {
	where, place := "the role", "roles/"+bound.Name
	if bound.Role.AuthClient.ID == "" {
		where, place = "the config", "config"
	}
	told := &problem.Error{Text: failure.Error(), RetryAt: failure.RetryAt, Err: failure}
	switch failure.Kind {
	case client.GrantDead:
		told.Text = fmt.Sprintf("ProcessMaker refused the login of user %q: wrong username or password, or the user is deleted or signs in elsewhere (SSO, LDAP)", bound.Username)
		if role.HasBlankEnds(bound.Password) {
			told.Text += "; or ProcessMaker cuts off the blank at an end of the password, as its newer releases do"
		}
		told.Cure = fmt.Sprintf("Correct username and password of the role with \"vault write %sroles/%s username=<user name> password=@password.txt\"", problem.Mount, bound.Name)
	case client.ClientRefused:
		told.Text = fmt.Sprintf("ProcessMaker refused auth client %q of %s: wrong client_id or client_secret, the client is deleted, or \"Enable Password Grant\" is off for it; after an upgrade of ProcessMaker also that its script has not hashed the clients' secrets yet", bound.Auth.ID, where)
		told.Cure = fmt.Sprintf("Correct client_id and client_secret of %s with \"vault write %s%s client_id=<id> client_secret=@client-secret.txt\"", where, problem.Mount, place)
	case client.GrantNotAllowed:
		told.Text = fmt.Sprintf("auth client %q of %s exists, but its %s is off in ProcessMaker", bound.Auth.ID, where, failure.Operation)
		told.Cure = "Turn on \"Enable Password Grant\" for it at Admin, Auth Clients, or give " + where + " another auth client"
	case client.BadRequest:
		if blank := blankFields(bound); blank != "" {
			told.Kind = problem.Refused
			told.Text = fmt.Sprintf("ProcessMaker finds no %s in the login of user %q: blanks alone count as nothing", blank, bound.Username)
			told.Cure = "Write " + blank + " again"
		}
	case client.GrantNotEnabled:
		told.Text = "this ProcessMaker has no password grant; releases 4.14.0 and 4.14.1 switched it off by mistake"
		told.Cure = "Upgrade it to 4.14.2 or later"
	case client.ScopeRefused:
		told.Text, told.Cure = "ProcessMaker refused the scopes; it defines none", fmt.Sprintf("Clear scopes of the role with \"vault patch %sroles/%s scopes=\"", problem.Mount, bound.Name)
	case client.Throttled:
		told.Text = fmt.Sprintf("ProcessMaker's limit of token calls is used up; try again in %s", problem.Wait(failure.RetryAt, now))
		told.Cure = "Longer leases, fewer reads, or token_requests_per_minute of the config if the server allows more, help"
	case client.Unavailable:
		told.Text = fmt.Sprintf("ProcessMaker cannot be reached (%s)", failure)
		if !failure.RetryAt.IsZero() {
			told.Text += "; try again in " + problem.Wait(failure.RetryAt, now).String()
		}
	}
	return told
}

// blankFields names what of a login is nothing but blanks.
func blankFields(bound *role.Binding) string {
	var blank []string
	for _, field := range []struct{ name, value string }{{"client_secret", bound.Auth.Secret}, {"username", bound.Username}, {"password", bound.Password}} {
		if strings.TrimSpace(field.value) == "" {
			blank = append(blank, field.name)
		}
	}
	return strings.Join(blank, " and ")
}
