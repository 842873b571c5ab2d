package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/ledger"
)

// check requires of what is left all that is owed.
func (c *confused) check() {
	c.t.Helper()
	log := c.log.String()[c.logged:]
	require.NotContains(c.t, log, "recovered from a panic")
	c.checkStored()
	if c.takenAtItsWord() {
		return
	}
	for _, shown := range c.shown {
		c.checkShown(shown)
	}
	c.requireNoSecret("the log", log)
	for _, e := range c.settledEvents() {
		c.requireNoSecret("an event", asText(c.t, e.Event)+asText(c.t, e.Event.Metadata.AsMap()))
	}
	c.checkSize(log)

	var strays []string
	for _, token := range c.census(c.foreign...) {
		require.False(c.t, c.known[token.ID] || c.known[token.Name], "a token was forgotten that was known\n%s", log)
		strays = append(strays, token.ID)
	}
	counted := c.backend.counters.of(ledgerUnaccounted) - c.unaccounted
	require.LessOrEqual(c.t, int64(len(strays)), counted, "a token lives that nothing knows, and status does not count it\n%s", log)
	if field := indispensable[c.truth.on]; field != nil && field.MatchString(c.what) {
		require.True(c.t, counted > 0 || slices.ContainsFunc(c.shown, shownAnswer.refuses), "what is needed was not missed")
	}
	c.clock.Advance(time.Minute)
	c.settle(strays...)
	c.works()
	c.checkSessions()
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
	c.t.Helper()
	require.Empty(c.t, c.secrets.in(text), "%s: %s", where, text)
}

// checkSize: what is too large is refused for that, and not because of what is
// left of it.
func (c *confused) checkSize(log string) {
	c.t.Helper()
	for _, shown := range c.shown {
		log += message(shown.resp, shown.err)
		if shown.resp != nil {
			log += fmt.Sprint(shown.resp.Warnings)
		}
	}
	tooLarge, unit := c.what == "1 MiB and more" || c.what == "4 MiB and more", " MiB"
	if c.truth.on == processmakertest.ListTokens {
		// A list has more room as a whole, and less in each of its parts.
		tooLarge, unit = tooLarge || c.what == "1 MiB", " KiB"
	}
	require.Equal(c.t, tooLarge && len(c.truth.reply.Body) > 0, strings.Contains(log, unit))
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
	c.t.Helper()
	code, text := status(shown.resp, shown.err), message(shown.resp, shown.err)
	if code == 200 {
		c.checkSuccess(shown)
		return
	}
	where := fmt.Sprintf("the answer to %s: %d %s", shown.to, code, text)
	c.requireNoSecret(where, text)
	require.Regexp(c.t, namesWhom, text, where)
	require.Regexp(c.t, saysWhat, text, where)
	if found := ofGrant.FindStringSubmatch(c.what); found != nil && strings.Contains(text, "HTTP 200") {
		require.Contains(c.t, text, "the "+found[1]+" of the answer is no text", where)
	}
	switch {
	case shown.to == "renew" || shown.to == "revoke":
		require.Equal(c.t, 500, code, where) // Vault makes a 400 of it
	case code == 400:
		require.True(c.t, shown.to == "config" || yourTurn.MatchString(text), where)
	default:
		require.Equal(c.t, 502, code, where)
	}
}

func (c *confused) checkSuccess(shown shownAnswer) {
	c.t.Helper()
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
	c.requireNoSecret(where, asText(c.t, data)+asText(c.t, shown.resp.Warnings))
	if shown.resp.Secret != nil {
		c.requireNoSecret("the lease of "+shown.to, asText(c.t, shown.resp.Secret.InternalData))
	}
	if id, ok := data["user_id"].(string); ok {
		require.Contains(c.t, c.usernames(id), data["username"], where)
	}
	token, ok := shown.resp.Data["access_token"].(string)
	if !ok {
		return
	}
	require.True(c.t, c.pm.Accepts(token), "the token that was handed out is dead")
	claims, err := claimsOf(token)
	require.NoError(c.t, err)
	require.Equal(c.t, claims["jti"], data["token_id"], where)
	require.Equal(c.t, claims["sub"], data["user_id"], where)
	require.Equal(c.t, "Bearer", data["token_type"], where)
	for _, live := range c.pm.LiveTokens() {
		if live.ID == data["token_id"] {
			require.Equal(c.t, live.ExpiresAt.UTC().Format(time.RFC3339), data["token_expire_time"], where)
		}
	}
}

func (c *confused) usernames(id string) (names []string) {
	for _, user := range c.pm.Users() {
		if fmt.Sprint(user.ID) == id {
			names = append(names, user.Username)
		}
	}
	return names
}

// checkStored requires that all that is stored can be read, and that a
// credential without a lease is due.
func (c *confused) checkStored() {
	c.t.Helper()
	ctx, storage := context.Background(), c.storage.Storage
	for key := range c.snapshot() {
		var err error
		switch prefix, name, _ := strings.Cut(key, "/"); prefix + "/" {
		case configKey + "/":
			_, err = readConfig(ctx, storage)
		case rolePrefix:
			_, err = readRole(ctx, storage, name)
		case sessionPrefix:
			_, err = readSession(ctx, storage, name)
		case staticPrefix:
			_, err = readStatic(ctx, storage, name)
		case rotatePrefix:
			_, err = readPasswordChange(ctx, storage, key)
		case ledger.Prefix, ledger.CursorKey + "/": // records are read below
		default:
			require.Fail(c.t, "a stray entry", key)
		}
		require.NoError(c.t, err, key)
	}
	leased := []ledger.ID{}
	for _, l := range c.leases {
		id, err := credentialOf(&logical.Request{Secret: &l.secret})
		require.NoError(c.t, err)
		leased = append(leased, id)
	}
	for _, id := range c.recordIDs() {
		record := c.record(id)
		soonDue := record.State == ledger.Due || record.Deadline.Sub(c.clock.Now()) <= ownLoginLife
		require.True(c.t, soonDue || record.Shared || slices.Contains(leased, id), "%s is of no lease, and not due", id)
	}
}

// checkSessions requires of every session that it works, or says that it does
// not.
func (c *confused) checkSessions() {
	c.t.Helper()
	names, err := c.storage.Storage.List(context.Background(), sessionPrefix)
	require.NoError(c.t, err)
	for _, name := range names {
		stored, err := readSession(context.Background(), c.storage.Storage, name)
		require.NoError(c.t, err)
		require.True(c.t, stored.LostBecause != "" || c.pm.Accepts(stored.AccessToken), "a dead session")
	}
}
