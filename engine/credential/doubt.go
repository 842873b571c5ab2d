package credential

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/token"
	"vault-plugin-secrets-processmaker/internal/problem"
)

// doubtOf is what is open about the token of a record. What memory has is newer than the record.
func (s *Service) doubtOf(record *ledger.Record) ledger.Doubt {
	if unstored, ok := s.doubts.Load(record.ID); ok {
		return unstored.(ledger.Doubt)
	}
	return record.Doubt
}

// keepDoubt stores, or at least remembers, what is open about the token of a record.
func (s *Service) keepDoubt(record *ledger.Record, doubt ledger.Doubt) {
	if doubt == s.doubtOf(record) {
		return
	}
	next := *record
	next.Doubt = doubt
	if err := s.Ledger.Update(record, &next, time.Time{}); err != nil {
		if !problem.IsConflict(err) {
			s.doubts.Store(record.ID, doubt)
			s.Report.Log(hclog.Warn, record.Subject(), "the doubt about a token is remembered in memory alone", "error", err)
		}
		return
	}
	s.doubts.Delete(record.ID)
	*record = next
}

// countUnseen counts the pair that a refresh may have made unseen, at the end of the token that it
// was to replace. lived tells that the token had not been killed before.
func (s *Service) countUnseen(record *ledger.Record, inst *instance.Instance, lived bool) {
	doubt := s.doubtOf(record)
	if doubt.Unseen && (!lived || token.MayComeLate(doubt, inst, s.Clock.Now())) {
		s.NoteUnseen(record.Role, record.TokenID, token.ErrGivenUp)
	}
	if doubt.Unseen {
		doubt.Unseen = false
		s.doubts.Store(record.ID, doubt) // until the record is deleted
	}
}

// try tries a token that a refresh made and that ProcessMaker may refuse, if that is open. A renewal
// that keeps the token comes here, too: the reader does not have it yet.
func (s *Service) try(ctx context.Context, r *renewal, bound *role.Binding) error {
	if !s.doubtOf(r.record).Untried {
		return nil
	}
	err := bound.Gate.Rejected(s.Clock.Now())
	if err == nil {
		if err = token.Accepts(ctx, bound, r.token); client.KindOf(err) == client.TwinRefused {
			bound.Gate.Reject(err, s.Clock.Now())
		}
	}
	if err != nil {
		return fmt.Errorf("role %q: %w", r.record.Role, err)
	}
	s.keepDoubt(r.record, ledger.Doubt{})
	return nil
}
