package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

// rotation gives the holder of a pair of tokens, a credential's record or a
// role's session, a new pair. The caller holds the holder's lock. It runs on
// its own time, not the request's: a refresh whose answer is not stored has
// killed the token that the holder has.
type rotation struct {
	backend  *backend
	storage  logical.Storage
	settings *settings
	role     *loadedRole
	auth     authClient

	old          client.Token
	refreshToken string
	fingerprint  ledger.Fingerprint
	// doubtful: an earlier refresh may have killed the old token.
	doubtful bool
	// put stores a new pair with its holder.
	put func(*client.Grant) error
}

// outcome is what came of a rotation that did not fail.
type outcome struct {
	// kept says why the holder and its token are as they were; nil where they
	// are not.
	kept     error
	warnings []string
}

// explained is an error in words for a reader, about one that says what kind it
// is.
type explained struct {
	text  string
	cause error
}

func (e *explained) Error() string { return e.text }

func (e *explained) Unwrap() error { return e.cause }

// run refreshes. What it does after a failed refresh depends on whether the
// old pair can have been used up by it.
func (r *rotation) run(ctx context.Context) (outcome, error) {
	if r.refreshToken == "" {
		return r.loginAgain(ctx, "there is no refresh token", false)
	}
	if r.doubtful {
		alive, err := r.settings.client.TokenAlive(ctx, r.old)
		switch {
		case err != nil:
			return outcome{}, &explained{fmt.Sprintf("an earlier refresh may have killed the token, and whether it lives could not be found out (%s); try again", err), err}
		case !alive:
			return r.loginAgain(ctx, "an earlier refresh killed the token", true)
		}
	}
	grant, err := r.tokens().RefreshGrant(ctx, r.auth.forClient(), r.refreshToken)
	switch {
	case err == nil:
		return outcome{}, r.store(grant)
	case client.KindOf(err) == client.Throttled:
		return r.keepIfAlive(ctx, err)
	case client.CertainlyNotDone(err):
		return r.keep(err), nil
	case client.KindOf(err) == client.GrantDead:
		return r.loginAgain(ctx, "ProcessMaker does not accept the refresh token any more (used, revoked, purged, or its APP_KEY changed)", false)
	default:
		return r.findOut(ctx, err, !client.RefusedWithoutUse(err))
	}
}

// tokens are the token calls of a renewal.
func (r *rotation) tokens() client.Grants {
	return r.settings.client.For(client.Caller{Role: r.role.name, Kept: true})
}

// findOut asks ProcessMaker whether the old token lives after a refresh that
// may or may not have happened. The token is killed first in a refresh, so it
// tells.
func (r *rotation) findOut(ctx context.Context, cause error, mayRepeat bool) (outcome, error) {
	alive, err := r.settings.client.TokenAlive(ctx, r.old)
	if err != nil || !alive {
		// The old token dies first: alive it says that nothing was made.
		r.backend.noteLostAnswer(r.role.name, cause)
	}
	switch {
	case err != nil:
		return outcome{}, &explained{fmt.Sprintf("%s, and whether the old token still lives could not be found out (%s); try again", r.cause(cause), err), err}
	case !alive && r.role.GrantType != grantTypePassword && client.RefusedWithoutUse(cause):
		// The refresh token was not used up, and no login can replace it: it
		// works again once what was refused is put right.
		return outcome{}, &explained{r.cause(cause), cause}
	case !alive:
		return r.loginAgain(ctx, r.cause(cause), true)
	case !mayRepeat || !r.timeToRepeat(ctx):
		return r.keep(cause), nil
	}
	grant, err := r.tokens().RefreshGrant(ctx, r.auth.forClient(), r.refreshToken)
	switch {
	case err == nil:
		return outcome{}, r.store(grant)
	case client.KindOf(err) == client.GrantDead:
		// The first refresh has come through after all.
		r.backend.noteLostAnswer(r.role.name, cause)
		return r.loginAgain(ctx, r.cause(cause), false)
	default:
		return r.findOut(ctx, err, false)
	}
}

// timeToRepeat tells whether there is time for another refresh and the
// question after it.
func (r *rotation) timeToRepeat(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) >= r.settings.config.RequestTimeout+storageTimeout
}

// keepIfAlive keeps a token that could not be refreshed for want of token calls.
// The question about it is not limited, so it is asked: a plugin that was killed
// in the middle of a refresh does not know that the token is dead.
func (r *rotation) keepIfAlive(ctx context.Context, cause error) (outcome, error) {
	alive, err := r.settings.client.TokenAlive(ctx, r.old)
	if err == nil && !alive {
		return r.loginAgain(ctx, r.cause(cause), true)
	}
	return r.keep(cause), nil
}

// keep leaves everything as it is: the reader keeps a token that lives.
func (r *rotation) keep(cause error) outcome {
	r.backend.log(hclog.Debug, about{role: r.role.name}, "refresh put off", "token_id", r.old.ID, "error", cause)
	kept := &explained{"the token was kept, because it could not be refreshed: " + r.cause(cause), cause}
	return outcome{kept: kept, warnings: []string{kept.text}}
}

func (r *rotation) cause(err error) string {
	return loginCause(&r.role.role, r.auth, err, r.backend.clock.Now()).String()
}

// loginAgain replaces a pair whose chain is lost. The old access token may
// outlive its refresh token; unless it is known to be dead it is ended, or
// recorded as due, before the record forgets it.
func (r *rotation) loginAgain(ctx context.Context, why string, oldIsDead bool) (outcome, error) {
	if r.role.GrantType != grantTypePassword {
		if !oldIsDead {
			if err := r.backend.endOrRecord(ctx, r.storage, r.settings, r.old, r.role.name, r.fingerprint); err != nil {
				return outcome{}, err
			}
		}
		return outcome{}, &chainLost{why}
	}
	grant, _, err := r.backend.loginFor(ctx, r.storage, r.role, r.settings, true)
	if err != nil {
		return outcome{}, &explained{fmt.Sprintf("%s; logging in again failed: %s", why, r.cause(err)), err}
	}
	// The new token is stored before the old one is ended: that takes exchanges,
	// in which the plugin may be killed.
	var remains *ledger.Record
	if !oldIsDead {
		if remains, err = r.backend.recordAsDue(r.storage, r.old, r.role.name, r.fingerprint); err != nil {
			r.backend.endUnrecorded(r.settings, grant.Access, r.role.name)
			return outcome{}, fmt.Errorf("%s; the old token could not be recorded as due, so it was not replaced: %w", why, err)
		}
	}
	err = r.store(grant)
	if remains != nil {
		r.backend.endDue(ctx, r.storage, r.settings, remains)
	}
	if err != nil {
		return outcome{}, err
	}
	return outcome{warnings: []string{fmt.Sprintf("the token was replaced by a new login, because it could not be refreshed: %s", why)}}, nil
}

// chainLost: the pair can be neither refreshed nor replaced by a login.
type chainLost struct{ why string }

func (c *chainLost) Error() string { return c.why }

// store puts the new pair where it belongs before anybody sees it. Where that
// fails the new token is ended: the holder still has the old pair, whose refresh
// will be refused, and the next renewal logs in.
func (r *rotation) store(grant *client.Grant) error {
	if err := r.put(grant); err != nil {
		r.backend.endUnrecorded(r.settings, grant.Access, r.role.name)
		return err
	}
	return nil
}
