package token

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// lateWork is how long after the end of an exchange ProcessMaker may still be at it: it works on
// after its caller has gone, and behind questions that overtook it.
const lateWork = time.Minute

// MayComeLate tells whether a refresh that was given up may yet be carried out.
func MayComeLate(doubt ledger.Doubt, inst *instance.Instance, now time.Time) bool {
	return now.Sub(doubt.DoubtfulSince) <= inst.Config.RequestTimeout+lateWork
}

// NoteUnseen counts the pair of a refresh whose answer nobody saw. Of each doubt it is told once.
func (b *Broker) NoteUnseen(name, tokenID string, cause error) {
	b.Report.Happened(hclog.Warn, telemetry.LedgerUnaccounted, telemetry.Subject{Role: name}, "the answer to a refresh was lost; a token that nobody holds may live at ProcessMaker", "token_id", tokenID, "error", cause)
}

// ErrGivenUp stands for what an earlier request was answered.
var ErrGivenUp = errors.New("an earlier refresh was given up")

func (r *refresh) noteUnseen() {
	if r.Doubt.Unseen {
		r.NoteUnseen(r.Bound.Name, r.Token.ID, cmp.Or(r.lost, ErrGivenUp))
	}
	r.Doubt.Unseen = false
}

// alive asks whether the token lives. A dead one shows that a refresh was carried out, a living one
// that none was which could not come late.
func (r *refresh) alive(ctx context.Context) (bool, error) {
	alive, err := r.Bound.Client.TokenAlive(ctx, r.Token)
	switch {
	case err != nil:
	case !alive:
		r.noteUnseen()
	case !MayComeLate(r.Doubt, r.Bound.Instance, r.Clock.Now()):
		r.Doubt = ledger.Doubt{}
	}
	return alive, err
}
