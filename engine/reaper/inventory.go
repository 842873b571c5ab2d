package reaper

import (
	"context"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"vault-plugin-secrets-processmaker/engine/credential"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/internal/store"
)

// longestWalk bounds a walk of the ledger for an operator, whose request Vault gives up after 90
// seconds. What it has found or done by then is told.
const longestWalk = time.Minute

// Selection says which credentials are meant: all that match whatever is given.
type Selection struct{ Role, Username, UserID, EntityID string }

// Matches tells whether a record is one of the selection.
func (s Selection) Matches(record *ledger.Record) bool {
	return (s.Role == "" || s.Role == record.Role) &&
		(s.Username == "" || sameUser(s.Username, record.Username)) &&
		(s.UserID == "" || s.UserID == record.UserID) &&
		(s.EntityID == "" || s.EntityID == record.EntityID)
}

// sameUser compares names as ProcessMaker does: whatever their case, and without blanks around.
func sameUser(one, other string) bool {
	return strings.EqualFold(strings.TrimSpace(one), strings.TrimSpace(other))
}

// isOfRole tells whether credentials of a role can match. Nothing of a role names an entity.
func (s Selection) isOfRole(entry *role.Entry) bool {
	return s.EntityID == "" &&
		(s.Role == "" || s.Role == entry.Name) &&
		(s.Username == "" || sameUser(s.Username, entry.Username)) &&
		(s.UserID == "" || s.UserID == entry.UserID || s.UserID == entry.SessionUserID)
}

// Listed is one credential of an inventory, without its tokens. Record is nil where it cannot be
// read, and Why says why that is, or why the last attempt to end it failed.
type Listed struct {
	ID     ledger.ID
	Record *ledger.Record
	Why    error
}

// Inventory lists up to limit credentials behind after, by their ids. next is where to go on; empty
// where there are no more. What cannot be read may be of any selection.
func (r *Reaper) Inventory(ctx context.Context, s Selection, after ledger.ID, limit int) (page []Listed, next ledger.ID, err error) {
	until := r.Clock.Now().Add(longestWalk)
	err = r.Ledger.Walk(ctx, after, func(ids []ledger.ID) (bool, error) {
		some, err := r.look(ctx, ids)
		if err != nil {
			return false, err
		}
		for _, one := range some {
			switch {
			case one.ID == "" || (one.Record != nil && !s.Matches(one.Record)):
			case len(page) == limit:
				next = page[limit-1].ID
				return false, nil
			default:
				page = append(page, one)
			}
		}
		if r.Clock.Now().After(until) {
			next = ids[len(ids)-1]
		}
		return next == "", nil
	})
	return page, next, err
}

// look reads some records, a few at a time; what is gone by now has no ID in the result.
func (r *Reaper) look(ctx context.Context, ids []ledger.ID) ([]Listed, error) {
	found := make([]Listed, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(SweepWidth)
	for i, id := range ids {
		group.Go(func() error {
			record, err := r.Ledger.Get(ctx, id)
			switch {
			case store.IsUnreadable(err):
				found[i] = Listed{ID: id, Why: err}
				return nil
			case err != nil || record == nil:
				return err
			}
			record.AccessToken, record.RefreshToken = "", "" // a page of them would be large
			found[i] = Listed{ID: id, Record: record, Why: r.credentials.Attempts.Why(id)}
			return nil
		})
	}
	return found, group.Wait()
}

// EndSelected ends every credential of a selection, and all that bears its name; with dry it only
// counts them. It is NotFound where nothing matches and no role has what is given.
func (r *Reaper) EndSelected(ctx context.Context, s Selection, dry bool) (Report, error) {
	p := r.newPass(credential.ByOperator, s.Matches)
	p.dry, p.namesakes, p.until = dry, true, r.Clock.Now().Add(longestWalk)
	report, err := p.endEach(ctx)
	if err != nil || report.Matched > 0 || report.Cut || s == (Selection{}) {
		return report, err
	}
	names, err := r.Roles.Names(ctx)
	if err != nil {
		return report, err
	}
	for _, name := range names {
		entry, err := r.Roles.Get(ctx, name)
		if store.IsUnreadable(err) || (err == nil && entry != nil && s.isOfRole(entry)) {
			return report, nil
		}
		if err != nil && !store.IsUnreadable(err) {
			return report, err
		}
	}
	return report, notFound("no credential matches the %s given, and no role does: it is mistyped, or everything was ended", s.given())
}

// given names what is given, without the values: a secret may stand in the wrong field.
func (s Selection) given() string {
	var names []string
	for _, one := range [][2]string{{"role", s.Role}, {"username", s.Username}, {"user_id", s.UserID}, {"entity_id", s.EntityID}} {
		if one[1] != "" {
			names = append(names, one[0])
		}
	}
	return strings.Join(names, " and ")
}
