package token

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// ExchangesTimeout is the share of a renewal that exchanges with ProcessMaker may take. With
// storing and cleaning up the whole ends within 55 s, before Vault's own patience does.
const ExchangesTimeout = 35 * time.Second

// Holding is a pair of tokens and its holder, a record or a session, whose lock the caller holds.
type Holding struct {
	Bound        *role.Binding
	Fingerprint  ledger.Fingerprint
	Token        client.Token
	RefreshToken string
	// Doubt is what earlier refreshes have left open.
	Doubt ledger.Doubt
	// AskOnly: the token is asked about, and not refreshed while it lives.
	AskOnly bool
	// Store puts a new pair where it belongs.
	Store func(*client.Grant) error
}

// Outcome is that of a refresh. Of one that failed it has the doubt alone.
type Outcome struct {
	// Kept says why the holder and its token are as they were; nil where they are not.
	Kept     error
	Warnings []string
	// Doubt is about the token that the holder still has.
	Doubt ledger.Doubt
	// AtMost bounds the time for which a token may be kept that nobody could ask about; 0 for none.
	AtMost time.Duration
}

// ChainLost is the error of a refresh whose pair can be neither refreshed nor replaced by a login.
type ChainLost struct{ Why string }

func (c *ChainLost) Error() string { return c.Why }

// Refresh gives the holder a new pair of tokens (RFC 6749 §6) and stores it before it returns. It
// runs on its own time, not the request's: a refresh whose answer is not stored has killed the
// token that the holder has. Its errors are in words, ChainLost, and those of Store.
func (b *Broker) Refresh(ctx context.Context, held Holding) (Outcome, error) {
	held.Bound = held.Bound.Kept()
	r := &refresh{Broker: b, Holding: held}
	outcome, err := r.run(ctx)
	if err != nil {
		r.Doubt.Doubtful = true // it is asked about before anybody gets it again
	}
	outcome.Doubt = r.Doubt
	return outcome, err
}

type refresh struct {
	*Broker
	Holding
	// lost is the last failure that lost an answer.
	lost error
}

// run refreshes. What follows a failure depends on whether it can have used up the old pair.
func (r *refresh) run(ctx context.Context) (Outcome, error) {
	if r.RefreshToken == "" {
		return r.loginAgain(ctx, "there is no refresh token", false)
	}
	if r.Doubt.Doubtful {
		alive, err := r.alive(ctx)
		switch {
		case err != nil:
			return r.unknown(err, "an earlier refresh may have killed the token")
		case !alive:
			return r.loginAgain(ctx, "an earlier refresh killed the token", true)
		case r.AskOnly:
			return Outcome{Kept: errAlive}, nil
		}
	}
	grant, err := r.grant(ctx)
	switch {
	case err == nil:
		return Outcome{}, r.store(grant)
	case client.KindOf(err) == client.Throttled:
		return r.keepIfAlive(ctx, err)
	case client.CertainlyNotDone(err):
		return r.keep(err), nil
	case client.KindOf(err) == client.GrantDead:
		r.noteUnseen()
		return r.loginAgain(ctx, "ProcessMaker does not accept the refresh token any more (used, revoked, purged, or its APP_KEY changed)", false)
	default:
		return r.resolve(ctx, err, !client.RefusedWithoutUse(err))
	}
}

func (r *refresh) grant(ctx context.Context) (*client.Grant, error) {
	grant, err := r.Bound.Grants().RefreshGrant(ctx, r.Bound.Auth, r.RefreshToken)
	switch {
	case err == nil:
		r.Doubt = ledger.Doubt{} // the refresh token was good until now
	case client.AnswerLost(err):
		r.Doubt.Doubtful, r.Doubt.Unseen, r.lost = true, true, err
		if client.MayComeLate(err) {
			r.Doubt.DoubtfulSince = r.Clock.Now()
		}
	}
	return grant, err
}

// resolve asks whether the old token lives after a refresh that may have happened, and killed it.
func (r *refresh) resolve(ctx context.Context, cause error, mayRepeat bool) (Outcome, error) {
	alive, err := r.alive(ctx)
	switch {
	case err != nil:
		return r.unknown(err, r.cause(cause))
	case !alive && r.Bound.GrantType != role.GrantTypePassword && client.RefusedWithoutUse(cause):
		// The refresh token works again once the cause is corrected, and no login can replace it.
		return Outcome{}, problem.Explain(cause, r.cause(cause))
	case !alive:
		return r.loginAgain(ctx, r.cause(cause), true)
	case !mayRepeat || !r.timeToRepeat(ctx):
		return r.keep(cause), nil
	}
	grant, err := r.grant(ctx)
	switch {
	case err == nil:
		return Outcome{}, r.store(grant)
	case client.KindOf(err) == client.GrantDead:
		// The first refresh has come through after all.
		r.noteUnseen()
		return r.loginAgain(ctx, r.cause(cause), false)
	case client.AnswerLost(cause) && !client.AnswerLost(err):
		// What turned the repeat away says nothing of the first.
		return r.resolve(ctx, cause, false)
	default:
		return r.resolve(ctx, err, false)
	}
}

// errAlive is why a token is kept that was only asked about.
var errAlive = errors.New("the token lives")

// gatewaysPatience bounds how long a token is kept while a gateway answers in ProcessMaker's place.
const gatewaysPatience = 2 * time.Minute

// unknown is the outcome where nobody could say whether the token lives. While a gateway answers
// for ProcessMaker the token is kept for a short time; else the renewal fails.
func (r *refresh) unknown(err error, why string) (Outcome, error) {
	explained := problem.Explain(err, fmt.Sprintf("%s, and whether the old token still lives could not be found out (%s); try again", why, err))
	if !client.FromGateway(err) {
		return Outcome{}, explained
	}
	r.Doubt.Doubtful = true
	return Outcome{Kept: explained, Warnings: []string{explained.Text}, AtMost: gatewaysPatience}, nil
}

// timeToRepeat tells whether there is time for another refresh and the question after it.
func (r *refresh) timeToRepeat(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) >= r.Bound.Config.RequestTimeout+store.Timeout
}

// keepIfAlive keeps a token that could not be refreshed for want of token calls. It asks, which is
// not limited: a plugin that was killed in a refresh does not know that the token is dead.
func (r *refresh) keepIfAlive(ctx context.Context, cause error) (Outcome, error) {
	alive, err := r.alive(ctx)
	if err == nil && !alive {
		return r.loginAgain(ctx, r.cause(cause), true)
	}
	return r.keep(cause), nil
}

// keep leaves everything as it is: the reader keeps a token that lives.
func (r *refresh) keep(cause error) Outcome {
	r.Report.Log(hclog.Debug, telemetry.Subject{Role: r.Bound.Name}, "refresh put off", "token_id", r.Token.ID, "error", cause)
	kept := problem.Explain(cause, "the token was kept, because it could not be refreshed: "+r.cause(cause))
	return Outcome{Kept: kept, Warnings: []string{kept.Text}}
}

// facts are those of a token that the holder is not to keep.
func (r *refresh) facts() ledger.Facts {
	facts := r.Bound.Facts("")
	facts.Fingerprint = r.Fingerprint
	return facts
}

// pair is what the holder had.
func (r *refresh) pair() *client.Grant {
	return &client.Grant{Access: r.Token, Refresh: r.RefreshToken}
}

func (r *refresh) cause(err error) string { return Explain(r.Bound, err, r.Clock.Now()).Error() }

// loginAgain replaces a pair whose chain is lost. The old access token may outlive its refresh
// token; unless it is known to be dead it is registered as due before the record forgets it.
func (r *refresh) loginAgain(ctx context.Context, why string, oldIsDead bool) (Outcome, error) {
	facts := r.facts()
	oldIsDead = oldIsDead && !r.Token.Twin()
	if r.Bound.GrantType != role.GrantTypePassword {
		if !oldIsDead {
			if err := r.Discard(r.Bound.Instance, r.pair(), facts); err != nil {
				return Outcome{}, err
			}
		}
		return Outcome{}, &ChainLost{why}
	}
	grant, err := r.Login(ctx, r.Bound)
	if err != nil {
		return Outcome{}, problem.Explain(err, fmt.Sprintf("%s; logging in again failed: %s", why, r.cause(err)))
	}
	// Stored before the old one is ended: that takes exchanges, in which the plugin may be killed.
	var remains *ledger.Record
	if !oldIsDead {
		if remains, err = r.RegisterDue(r.pair(), facts); err != nil {
			_ = r.Discard(r.Bound.Instance, grant, facts) // the failure of RegisterDue is told
			return Outcome{}, fmt.Errorf("%s; the old token could not be recorded as due, so it was not replaced: %w", why, err)
		}
	}
	err = r.store(grant)
	if remains != nil {
		r.End(r.Bound.Instance, remains)
	}
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{Warnings: []string{fmt.Sprintf("the token was replaced by a new login, because it could not be refreshed: %s", why)}}, nil
}

// store puts the new pair where it belongs before anybody sees it. Where that fails the new token
// is discarded: the old pair's next refresh is refused, and the renewal then logs in.
func (r *refresh) store(grant *client.Grant) error {
	if err := r.Store(grant); err != nil {
		_ = r.Discard(r.Bound.Instance, grant, r.facts()) // the failure of Store is told
		return err
	}
	return nil
}
