package reaper

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/engine/credential"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// Find returns the record of a credential under the id that it was handed out with. One that was
// marked due has another id since, which is looked for among what is due. It is NotFound where there
// is none, and no success of nothing: after a mistyped id a token must not be thought dead.
func (r *Reaper) Find(ctx context.Context, id ledger.ID) (*ledger.Record, error) {
	record, err := r.Ledger.Get(ctx, id)
	if err != nil || record != nil {
		return record, err
	}
	record, err = r.Ledger.FindDue(ctx, func(record *ledger.Record) bool { return record.FormerID == id })
	switch {
	case store.IsUnreadable(err):
		return nil, notFound("there is no credential %s: it was ended, the id is mistyped, or its record is the one that cannot be read: %s", id, err)
	case err == nil && record == nil:
		return nil, notFound("there is no credential %s: it was ended, the id is mistyped, or it was handed out after the backup that this storage was restored from. "+
			"In the last case its token may live: \"vault read %sstatus/<role> unmanaged=true\" lists a personal access token", id, problem.Mount)
	default:
		return record, err
	}
}

func notFound(format string, args ...any) error {
	return &problem.Error{Kind: problem.NotFound, Text: fmt.Sprintf(format, args...)}
}

// hold returns the record of a credential with its lock. One that was marked due while the lock was
// waited for is looked for again.
func (r *Reaper) hold(ctx context.Context, asked ledger.ID) (record *ledger.Record, unlock func(), err error) {
	for {
		found, err := r.Find(ctx, asked)
		if err != nil {
			return nil, nil, err
		}
		unlock, err := r.Ledger.Lock(ctx, ctx, found.ID)
		if err != nil {
			return nil, nil, err
		}
		record, err := r.Ledger.Get(ctx, found.ID)
		if err == nil && record != nil {
			return record, unlock, nil
		}
		unlock()
		if err != nil {
			return nil, nil, err
		}
	}
}

// EndNow ends one credential at once, whatever its lease says.
func (r *Reaper) EndNow(ctx context.Context, id ledger.ID) error {
	record, unlock, err := r.hold(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	return r.endHeld(ctx, record)
}

// endHeld ends the credential of a record whose lock is held, and all that bears its name.
func (r *Reaper) endHeld(ctx context.Context, record *ledger.Record) error {
	id, readAt := record.ID, r.Clock.Now()
	if err := r.endAllOfName(ctx, record, credential.NewLookup()); err != nil {
		return err
	}
	err := r.credentials.Forget(ctx, record, readAt)
	if problem.IsConflict(err) {
		return problem.Explain(err, fmt.Sprintf("credential %s still lives: %s", id, err))
	}
	if err != nil {
		return err
	}
	r.credentials.Ended(credential.ByOperator, record.Subject(), record)
	return nil
}

// endAllOfName ends the token of a record and all that bears its name.
func (r *Reaper) endAllOfName(ctx context.Context, record *ledger.Record, lookup *credential.Lookup) error {
	if err := r.credentials.End(ctx, record, lookup); err != nil {
		return err
	}
	err := r.credentials.EndNamesakes(ctx, record)
	if err != nil {
		r.credentials.UnshareID(ctx, record.ID) // its own token is dead, and is not handed out any more
	}
	return err
}

// CanDrop tells whether err of EndNow is about a credential that only Drop can make an end of.
func CanDrop(err error, id ledger.ID) bool {
	return ledger.IsDamaged(err, id) || errors.Is(err, credential.ErrOutOfReach)
}

// Drop forgets a credential whose token this mount has no way to end, and ends one that it can.
func (r *Reaper) Drop(ctx context.Context, asked ledger.ID) error {
	id := asked
	if record, err := r.Find(ctx, asked); err == nil {
		id = record.ID
	}
	unlock, err := r.Ledger.Lock(ctx, ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	record, why := r.Ledger.Get(ctx, id)
	if record != nil {
		if why = r.endHeld(ctx, record); why == nil {
			return nil
		}
	}
	if !CanDrop(why, id) {
		return problem.Conflictf("the record of credential %s was changed by another request at the same time; nothing was dropped, try again", id)
	}
	if err := r.Ledger.Drop(ctx, id); err != nil {
		return err
	}
	r.credentials.UnshareID(ctx, id)
	r.credentials.ForgetAttempts(id)
	r.Report.Happened(hclog.Warn, telemetry.LedgerUnaccounted, telemetry.Subject{Path: "credentials/" + string(id), ID: string(id)}, "a record was dropped whose token cannot be ended here; the token lives on unless it is ended in ProcessMaker", "error", why)
	return nil
}

// Leftovers logs each record of a disabled mount, whose storage goes: the log alone knows it then.
func (r *Reaper) Leftovers(ctx context.Context) {
	ids, err := r.Ledger.All(ctx)
	if err != nil {
		r.Report.Log(hclog.Error, telemetry.Subject{}, "what is left of a disabled mount could not be read; its tokens live on at ProcessMaker", "error", err)
	}
	for i, id := range ids {
		record, err := r.Ledger.Get(ctx, id)
		switch {
		case ctx.Err() != nil:
			r.Report.Log(hclog.Error, telemetry.Subject{}, "the time did not suffice to log all that a disabled mount leaves; the tokens of its users live on at ProcessMaker", "not_logged", len(ids)-i)
			return
		case err != nil:
			r.Report.Log(hclog.Error, telemetry.Subject{ID: string(id)}, "a credential of a disabled mount could not be read; its token lives on at ProcessMaker", "error", err)
		case record != nil:
			r.Report.Log(hclog.Error, record.Subject(), "a token of a disabled mount could not be ended; end it at ProcessMaker by hand",
				"url", record.Fingerprint.URL, "user_id", record.UserID, "token_id", record.TokenID, "token_name", record.TokenName)
		}
	}
}
