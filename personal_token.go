package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/leasing"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

// mintPersonalToken makes a personal access token with the role's session. The
// record comes first: the token's name is known beforehand, so whatever happens
// on the way, the token can be found and ended.
func (b *backend) mintPersonalToken(ctx context.Context, req *logical.Request, order *issueOrder) (*made, *logical.Response, error) {
	role, s := order.role, order.settings
	target, err := b.targetUser(&role.role, req)
	if err != nil {
		resp, err := b.issueFailed(role, loginCause(&role.role, authClient{}, err, b.clock.Now()), err)
		return nil, resp, err
	}
	now := b.clock.Now()
	record, err := b.newRecord(order, ledger.Fingerprint{}, req, now)
	if err != nil {
		return nil, nil, err
	}
	record.TokenName = b.personalTokenName(role.name, record.ID)
	record.TokenReceivedAt = now
	record.TokenExpireTime = now.Add(personalTokenLife)
	minting := &minting{backend: b, storage: req.Storage, order: order, target: target, record: record}

	if err := b.asSession(ctx, req.Storage, role, s, func(session *session) error { return minting.mint(ctx, session) }); err != nil {
		minting.abandon()
		resp, err := b.issueFailed(role, b.personalTrouble(role, s, record, err), err)
		return nil, resp, err
	}
	result := &made{record: record, token: minting.token, at: now}
	if err := b.stillWanted(ctx, req.Storage, order, result); err != nil {
		return nil, nil, err
	}
	return result, nil, nil
}

// personalTokenLife is longer than any personal access token of ProcessMaker
// lives (a year). The true end is known only when the record is written
// already.
const personalTokenLife = longestTTL + leasing.DeadlineSlack

// personalTokenName joins ProcessMaker's own list of tokens with this mount's
// records.
func (b *backend) personalTokenName(role string, id ledger.ID) string {
	return fmt.Sprintf("vault:%s:%s:%s", b.shortMountID(), role, id)
}

// minting is one personal access token on its way.
type minting struct {
	backend *backend
	storage logical.Storage
	order   *issueOrder
	target  string
	record  *ledger.Record
	// recorded: the record is stored.
	recorded bool
	// mayExist: the token was asked for, and not certainly refused.
	mayExist bool
	token    client.Token
}

// mint makes the token as session. It may be called again with a renewed
// session.
func (m *minting) mint(ctx context.Context, session *session) error {
	api := m.order.settings.client
	user := client.User{ID: session.UserID, Username: session.Username}
	if m.target != "" {
		var err error
		if user, err = api.ShowUser(ctx, session.token(), m.target); err != nil {
			return err
		}
		if user.Administrator && !m.order.role.AllowAdministrators {
			return &refusal{
				text: fmt.Sprintf("user %s is an administrator, and the role does not allow that", user.ID),
				cure: "Choose another user, or set allow_administrators of the role",
			}
		}
	}
	// A session that took the place of a refused one may be another user's; the
	// refusal made sure that there is no token of the former.
	if !m.recorded || m.record.UserID != user.ID || m.record.Fingerprint != session.Fingerprint {
		m.record.Fingerprint = session.Fingerprint
		m.record.UserID, m.record.Username = user.ID, user.Username
		if err := m.backend.putRecord(m.storage, m.record); err != nil {
			return err
		}
		m.recorded = true
	}
	token, err := api.CreatePersonalToken(ctx, session.token(), user.ID, m.record.TokenName)
	m.mayExist = mayHaveMinted(err)
	switch {
	case serverError(err):
		return &explained{err.Error() + ". If this goes on, ProcessMaker's personal access client is missing: run \"php artisan passport:client --personal\" on its server", err}
	case err != nil:
		return err
	}
	m.token = token
	return nil
}

// abandon cleans up after a token that was not handed out. If it certainly was
// not made, its record goes; otherwise the record is put down as due, and the
// ledger looks for the token by its name.
func (m *minting) abandon() {
	if !m.recorded {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
	defer cancel()
	if !m.mayExist {
		if err := ledger.Delete(ctx, m.storage, m.record.ID); err != nil {
			m.backend.log(hclog.Warn, aboutRecord(m.record), "the record of a token that was not made could not be deleted; it goes at its deadline", "error", err)
		}
		return
	}
	if err := m.backend.makeDue(ctx, m.storage, m.record); err != nil {
		m.backend.log(hclog.Warn, aboutRecord(m.record), "a token that may have been made is ended only at its deadline", "error", err)
		return
	}
	m.backend.notice(hclog.Debug, ledgerDue, aboutRecord(m.record), "a token that may have been made is looked for by the ledger", "token_name", m.record.TokenName)
}

// mayHaveMinted tells whether a failed creation may have left a token.
func mayHaveMinted(err error) bool {
	if client.CertainlyNotDone(err) {
		return false
	}
	switch client.KindOf(err) {
	case client.TokenRefused, client.Forbidden, client.NotFound, client.BadRequest:
		return false
	default:
		return true
	}
}

// makeDue moves a record under the present minute, so that the next sweep ends
// its token.
func (b *backend) makeDue(ctx context.Context, storage logical.Storage, record *ledger.Record) error {
	now := b.clock.Now()
	id, err := ledger.NewID(now, b.random)
	if err != nil {
		return err
	}
	due := *record
	if due.FormerID == "" {
		due.FormerID = due.ID
	}
	due.ID, due.State, due.Deadline = id, ledger.Due, now
	if err := ledger.Put(ctx, storage, &due); err != nil {
		return err
	}
	if err := ledger.Delete(ctx, storage, record.ID); err != nil {
		return err
	}
	*record = due
	return nil
}

// personalTrouble says why no personal access token could be had, and what
// cures it.
func (b *backend) personalTrouble(role *loadedRole, s *settings, record *ledger.Record, err error) trouble {
	auth, _ := role.authClient(s)
	t := loginCause(&role.role, auth, err, b.clock.Now())
	switch client.KindOf(err) {
	case client.Forbidden:
		t.cause = fmt.Sprintf("ProcessMaker does not let the role's user %q make tokens of user %s", role.Username, record.UserID)
		t.cure = "That user has to be an administrator, or user_id has to go"
	case client.NotFound:
		t.cause, t.cure = fmt.Sprintf("ProcessMaker has no user %s", record.UserID), "Correct user_id"
	}
	return t
}
