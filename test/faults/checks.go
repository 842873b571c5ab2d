package faults

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/credential"

	"vault-plugin-secrets-processmaker/engine/session"

	"vault-plugin-secrets-processmaker/engine/role"

	"vault-plugin-secrets-processmaker/engine/instance"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// check requires of what is left all that is owed.
func (c *confused) check() {
	c.T.Helper()
	log := c.Log.String()[c.logged:]
	require.NotContains(c.T, log, "recovered from a panic")
	c.checkStored()
	if c.takenAtItsWord() {
		return
	}
	for _, shown := range c.shown {
		c.checkShown(shown)
	}
	c.requireNoSecret("the log", log)
	for _, e := range c.SettledEvents() {
		c.requireNoSecret("an event", mounttest.AsText(c.T, e.Event)+mounttest.AsText(c.T, e.Event.Metadata.AsMap()))
	}
	c.checkSize(log)

	var strays []string
	for _, token := range c.Census(c.foreign...) {
		require.False(c.T, c.known[token.ID] || c.known[token.Name], "a token was forgotten that was known\n%s", log)
		strays = append(strays, token.ID)
	}
	counted := c.Backend.Engine().Report.Counted(telemetry.LedgerUnaccounted) - c.unaccounted
	require.LessOrEqual(c.T, int64(len(strays)), counted+c.openDoubts(), "a token lives that nothing knows, and status does not count it\n%s", log)
	if field := indispensable[c.truth.on]; field != nil && field.MatchString(c.what) {
		require.True(c.T, counted > 0 || slices.ContainsFunc(c.shown, shownAnswer.refuses), "what is needed was not missed")
	}
	c.Clock.Advance(time.Minute)
	c.settle(strays...)
	counted = c.Backend.Engine().Report.Counted(telemetry.LedgerUnaccounted) - c.unaccounted
	require.LessOrEqual(c.T, int64(len(strays)), counted, "a doubt was forgotten uncounted\n%s", log)
	c.works()
	c.checkSessions()
}

// openDoubts are the refreshes that count once it is known what has become of them.
func (s *scene) openDoubts() (open int64) {
	for _, id := range s.RecordIDs() {
		if s.Record(id).Unseen {
			open++
		}
	}
	return open
}

// ofGrant are the fields that are used of a token call's answer.
var ofGrant = regexp.MustCompile(`^(access_token|token_type|refresh_token) = (true|false|number|huge number|list|object)$`)

// indispensable are fields without which an answer must not be believed, where
// no dead token would show that it was. Of the users here none who is asked
// about is an administrator.
var indispensable = map[processmakertest.Endpoint]*regexp.Regexp{
	processmakertest.PasswordGrant:          ofGrant,
	processmakertest.RefreshGrant:           ofGrant,
	processmakertest.AuthorizationCodeGrant: ofGrant,
	processmakertest.ShowUser:               regexp.MustCompile(`^(id|username) = |^is_administrator = ([^f]|$)`),
	processmakertest.ListUsers:              regexp.MustCompile(`^error = |^HTTP |^type (text|\*|S3CR3T)|^no type$|^list$|^null$`),
}

func (c *confused) requireNoSecret(where, text string) {
	c.T.Helper()
	require.Empty(c.T, c.secrets.In(text), "%s: %s", where, text)
}

// checkSize: what is too large is refused for that, and not because of what is
// left of it.
func (c *confused) checkSize(log string) {
	c.T.Helper()
	for _, shown := range c.shown {
		log += mounttest.Message(shown.resp, shown.err)
		if shown.resp != nil {
			log += fmt.Sprint(shown.resp.Warnings)
		}
	}
	tooLarge, unit := c.what == "1 MiB and more" || c.what == "4 MiB and more", " MiB"
	if c.truth.on == processmakertest.ListTokens {
		// A list has more room as a whole, and less in each of its parts.
		tooLarge, unit = tooLarge || c.what == "1 MiB", " KiB"
	}
	require.Equal(c.T, tooLarge && len(c.truth.reply.Body) > 0, strings.Contains(log, unit))
}

var (
	namesWhom = regexp.MustCompile(`role "ci"|credential [0-9a-v]+ |no ProcessMaker was found at http`)
	saysWhat  = regexp.MustCompile(`HTTP \d{3}|signed in, but this role is`)
	// yourTurn are refusals that the reader, not ProcessMaker, can cure.
	yourTurn = regexp.MustCompile(`Sign in with|signed in, but this role is`)
)

// checkShown requires a success that is one, or an error that tells whose turn
// it is and gives nothing away.
func (c *confused) checkShown(shown shownAnswer) {
	c.T.Helper()
	code, text := mounttest.Status(shown.resp, shown.err), mounttest.Message(shown.resp, shown.err)
	if code == 200 {
		c.checkSuccess(shown)
		return
	}
	where := fmt.Sprintf("the answer to %s: %d %s", shown.to, code, text)
	c.requireNoSecret(where, text)
	require.Regexp(c.T, namesWhom, text, where)
	require.Regexp(c.T, saysWhat, text, where)
	if found := ofGrant.FindStringSubmatch(c.what); found != nil && strings.Contains(text, "HTTP 200") {
		require.Contains(c.T, text, "the "+found[1]+" of the answer is no text", where)
	}
	switch {
	case shown.to == "renew" || shown.to == "revoke":
		require.Equal(c.T, 500, code, where) // Vault makes a 400 of it
	case code == 400:
		require.True(c.T, shown.to == "config" || yourTurn.MatchString(text), where)
	default:
		require.Equal(c.T, 502, code, where)
	}
}

func (c *confused) checkSuccess(shown shownAnswer) {
	c.T.Helper()
	if shown.resp == nil {
		return
	}
	data := map[string]any{}
	for name, value := range shown.resp.Data {
		if name != "access_token" {
			data[name] = value
		}
	}
	where := "the answer to " + shown.to
	c.requireNoSecret(where, mounttest.AsText(c.T, data)+mounttest.AsText(c.T, shown.resp.Warnings))
	if shown.resp.Secret != nil {
		c.requireNoSecret("the lease of "+shown.to, mounttest.AsText(c.T, shown.resp.Secret.InternalData))
	}
	if id, ok := data["user_id"].(string); ok {
		require.Contains(c.T, c.usernames(id), data["username"], where)
	}
	token, ok := shown.resp.Data["access_token"].(string)
	if !ok {
		return
	}
	require.True(c.T, c.Pm.Accepts(token), "the token that was handed out is dead")
	claims, err := claimsOf(token)
	require.NoError(c.T, err)
	require.Equal(c.T, claims["jti"], data["token_id"], where)
	require.Equal(c.T, claims["sub"], data["user_id"], where)
	require.Equal(c.T, "Bearer", data["token_type"], where)
	for _, live := range c.Pm.LiveTokens() {
		if live.ID == data["token_id"] {
			require.Equal(c.T, live.ExpiresAt.UTC().Format(time.RFC3339), data["token_expire_time"], where)
		}
	}
}

func (c *confused) usernames(id string) (names []string) {
	for _, user := range c.Pm.Users() {
		if fmt.Sprint(user.ID) == id {
			names = append(names, user.Username)
		}
	}
	return names
}

// checkStored requires that all that is stored can be read, and that a
// credential without a lease is due.
func (c *confused) checkStored() {
	c.T.Helper()
	ctx, stored := context.Background(), c.Reader()
	for key := range c.Snapshot() {
		var err error
		switch prefix, name, _ := strings.Cut(key, "/"); prefix + "/" {
		case instance.Key + "/":
			_, err = stored.Instances.Current(ctx)
		case role.Prefix:
			_, err = stored.Roles.Get(ctx, name)
		case session.Prefix:
			_, err = stored.Sessions.Get(ctx, name)
		case credential.Prefix:
			_, err = stored.Credentials.GetShared(ctx, name)
		case role.PendingPrefix:
			_, err = stored.Roles.AllPending(ctx)
		case ledger.Prefix, ledger.CursorKey + "/": // records are read below
		default:
			require.Fail(c.T, "a stray entry", key)
		}
		require.NoError(c.T, err, key)
	}
	leased := []ledger.ID{}
	for _, l := range c.leases {
		leased = append(leased, ledger.ID(l.Secret.InternalData["credential_id"].(string)))
	}
	for _, id := range c.RecordIDs() {
		record := c.Record(id)
		soonDue := record.State == ledger.Due || record.Deadline.Sub(c.Clock.Now()) <= role.InternalLoginLife
		require.True(c.T, soonDue || record.Shared || slices.Contains(leased, id), "%s is of no lease, and not due", id)
	}
}

// checkSessions requires of every session that it works, or says that it does
// not.
func (c *confused) checkSessions() {
	c.T.Helper()
	names, err := c.Storage.Storage.List(context.Background(), session.Prefix)
	require.NoError(c.T, err)
	for _, name := range names {
		stored, err := c.Reader().Sessions.Get(context.Background(), name)
		require.NoError(c.T, err)
		require.True(c.T, stored.LostBecause != "" || c.Pm.Accepts(stored.AccessToken), "a dead session")
	}
}
