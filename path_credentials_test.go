package main

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/credential"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

func TestCredentialsCanBeLookedUpAndEnded(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"access_token", "personal_access_token"} {
		h := newReadyHarness(t, map[string]any{"credential_type": kind, "rotation_period": "1h"})
		l, another := h.Issue(nil), h.Issue(nil)
		got := h.Read("credentials/" + string(l.Id()))
		h.CheckFields(recordAnswerFields(), got)
		require.Equal(t, "entity-1", got["entity_id"])
		require.Equal(t, "token-ci", got["display_name"])
		require.Equal(t, "alice", got["username"])
		require.Equal(t, "live", got["state"])
		require.NotContains(t, got, "access_token")

		h.Clock.Advance(time.Minute)
		resp, err := h.Do(logical.UpdateOperation, "credentials/"+string(l.Id())+"/revoke", nil)
		require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
		require.False(t, h.Pm.Accepts(l.Token()))
		require.True(t, h.Pm.Accepts(another.Token()))
		isUnknown(h, l.Id())
		_, err = l.TryRenew(context.Background())
		require.Error(t, err)
		require.NoError(t, l.TryRevoke())

		// A shared one is not handed out again.
		shared := h.Read("static-creds/ci")
		resp, err = h.Do(logical.UpdateOperation, "credentials/"+shared["credential_id"].(string)+"/revoke", nil)
		require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
		require.NotEqual(t, shared["access_token"], h.Read("static-creds/ci")["access_token"])

		h.GoDown()
		resp, err = h.Do(logical.UpdateOperation, "credentials/"+string(another.Id())+"/revoke", nil)
		require.Equal(t, 502, mounttest.Status(resp, err), mounttest.Message(resp, err))
		require.NotNil(t, h.Record(another.Id()))
		h.RefusedWrite(logical.ReadOperation, "credentials/0123", nil, "22 characters")
	}
}

// A credential that was handed over to the ledger has another id there; who has
// the one that it was handed out with finds and ends it all the same.
func TestAHandedOverCredentialIsFoundByItsID(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	h.GoDown()
	for range 3 {
		_ = l.TryRevoke()
		h.Clock.Advance(credential.DeferAfter)
	}
	require.NotEqual(t, []ledger.ID{l.Id()}, h.RecordIDs())
	read := h.Read("credentials/" + string(l.Id()))
	require.Equal(t, string(l.Id()), read["credential_id"])
	require.Equal(t, "due", read["state"])
	require.NoError(t, h.Pm.GoOnline())
	h.Clock.Advance(time.Minute)
	h.MustWrite("credentials/"+string(l.Id())+"/revoke", nil)
	require.False(t, h.Pm.Accepts(l.Token()))
	require.Empty(t, h.RecordIDs())
	isUnknown(h, l.Id())
}

// isUnknown requires that nobody is told more of a credential without a record than what is known.
func isUnknown(h *mounttest.Mount, id ledger.ID) {
	h.T.Helper()
	for path, operation := range map[string]logical.Operation{"": logical.ReadOperation, "/revoke": logical.UpdateOperation} {
		resp, err := h.Do(operation, "credentials/"+string(id)+path, nil)
		require.Equal(h.T, 404, mounttest.Status(resp, err))
		for _, possible := range []string{"was ended", "mistyped", "backup", "unmanaged=true"} {
			require.Contains(h.T, mounttest.Message(resp, err), possible)
		}
	}
}

// listed is a page of the list: its ids in their order, what it says of them, and its warnings.
func listed(h *mounttest.Mount, parameters map[string]any) (ids []string, info map[string]any, warnings []string) {
	h.T.Helper()
	resp, err := h.Do(logical.ListOperation, "credentials/", parameters)
	require.Equal(h.T, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	ids, _ = resp.Data["keys"].([]string)
	info, _ = resp.Data["key_info"].(map[string]any)
	require.Len(h.T, info, len(ids))
	return ids, info, resp.Warnings
}

func TestCredentialsAreListed(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"ttl": "10m", "max_ttl": "10m"})
	none, _, _ := listed(h, nil)
	require.Empty(t, none)
	h.MustWrite("roles/long", h.RoleData(map[string]any{"credential_type": "personal_access_token"}))
	h.MustWrite("roles/other", map[string]any{"username": "admin", "password": h.Pm.User("admin").Password})
	long, other := h.Read("creds/long"), h.Read("creds/other")
	h.Clock.Advance(time.Minute)
	l := h.Issue(nil)

	ids, info, warnings := listed(h, nil)
	require.Len(t, ids, 3)
	require.Equal(t, string(l.Id()), ids[0], "the deadline sorts them")
	require.ElementsMatch(t, []any{string(l.Id()), long["credential_id"], other["credential_id"]}, []any{ids[0], ids[1], ids[2]})
	require.Empty(t, warnings)
	require.Equal(t, map[string]any{
		"state": "live", "role": "ci", "username": "alice", "user_id": "2", "entity_id": "entity-1", "display_name": "token-ci",
		"issue_time": "2026-03-01T12:01:00Z", "deadline": "2026-03-01T12:12:00Z", "renew_mode": "refresh", "last_error": "",
	}, info[ids[0]])

	for _, test := range []struct {
		with map[string]any
		want int
	}{
		{map[string]any{"role": "ci"}, 1},
		{map[string]any{"username": "Alice "}, 2},
		{map[string]any{"user_id": "1"}, 1},
		{map[string]any{"entity_id": "entity-1"}, 3},
		{map[string]any{"username": "alice", "role": "long"}, 1},
		{map[string]any{"username": "alice", "role": "other"}, 0},
		{map[string]any{"entity_id": "nobody"}, 0},
		{map[string]any{"after": ids[0]}, 2},
		{map[string]any{"after": ids[2]}, 0},
	} {
		got, _, warnings := listed(h, test.with)
		require.Len(t, got, test.want, "%v", test.with)
		require.Empty(t, warnings)
	}
	got, _, warnings := listed(h, map[string]any{"limit": 2})
	require.Equal(t, ids[:2], got)
	require.Contains(t, warnings[0], "after="+ids[1])
	_, _, warnings = listed(h, map[string]any{"limit": 3})
	require.Empty(t, warnings, "nothing is behind it")
	for _, wrong := range []struct {
		with map[string]any
		says string
	}{
		{map[string]any{"limit": 0}, "from 1 to 10000"},
		{map[string]any{"limit": 10001}, "from 1 to 10000"},
		{map[string]any{"after": "x"}, "22 characters"},
		{map[string]any{"rolle": "ci"}, "unknown field"},
	} {
		h.RefusedWrite(logical.ListOperation, "credentials/", wrong.with, wrong.says)
	}

	// What failed is told, and what cannot be read is there.
	h.GoDown()
	require.Error(t, l.TryRevoke())
	h.Damage("ledger/"+ids[1][:6]+"/"+ids[1][6:], "{}")
	_, info, _ = listed(h, map[string]any{"role": "ci"})
	require.Len(t, info, 2)
	require.NotEmpty(t, info[ids[0]].(map[string]any)["last_error"])
	require.Equal(t, "unreadable", info[ids[1]].(map[string]any)["state"])
	require.NotEmpty(t, h.Read("credentials/" + ids[0])["last_error"])
}

// Pages are read while others issue and revoke: what lives throughout is in one of them once.
func TestEveryCredentialIsOnOnePage(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	const many, page = 10000, 1000
	like := h.Record(h.Issue(nil).Id())
	living := map[string]int{}
	for i := range many {
		record, err := h.Backend.Engine().Ledger.Draft(ledger.Facts{Record: *like, Life: time.Duration(i%2880) * 30 * time.Second})
		require.NoError(t, err)
		require.NoError(t, h.Backend.Engine().Ledger.Put(record))
		living[string(record.ID)] = 0
	}
	done := make(chan struct{})
	var beside sync.WaitGroup
	for range 4 {
		beside.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
				if err != nil || h.Register("creds/ci", resp).TryRevoke() != nil {
					t.Error("a credential could not be issued and revoked")
				}
			}
		})
	}
	pages, after := 0, ""
	for more := true; more; pages++ {
		ids, _, warnings := listed(h, map[string]any{"after": after, "limit": page})
		require.LessOrEqual(t, len(ids), page)
		require.IsIncreasing(t, append([]string{after}, ids...))
		for _, id := range ids {
			if _, throughout := living[id]; throughout {
				living[id]++
			}
		}
		if more = len(warnings) > 0; more {
			after = ids[len(ids)-1]
			require.Contains(t, warnings[0], "after="+after)
		}
	}
	close(done)
	beside.Wait()
	require.Contains(t, []int{10, 11}, pages)
	for id, times := range living {
		require.Equal(t, 1, times, id)
	}
}

// manyRoles are roles that hand out alice's tokens in every way, and one of another user.
func manyRoles(t *testing.T) *mounttest.Mount {
	t.Helper()
	h := newSignInHarness(t, nil) // "ci", which people sign in to
	state, code := h.Begin("alice")
	resp, err := h.Complete(state, code)
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	admin := map[string]any{"username": "admin", "password": h.Pm.User("admin").Password}
	for name, more := range map[string]map[string]any{
		"refresh": {}, "extend": {"renew_mode": "extend"}, "none": {"renew_mode": "none"}, "young": {"refresh_min_age": "5m"},
		"pat":        {"credential_type": "personal_access_token"},
		"pat-none":   {"credential_type": "personal_access_token", "renew_mode": "none"},
		"for-alice":  {"credential_type": "personal_access_token", "user_id": "2", "username": "admin", "password": admin["password"]},
		"shared":     {"rotation_period": "1h"},
		"shared-pat": {"rotation_period": "1h", "credential_type": "personal_access_token"},
		"other":      admin,
	} {
		data := h.RoleData(map[string]any{"client_id": "3", "client_secret": h.Pm.Client(3).Secret})
		maps.Copy(data, more)
		h.MustWrite("roles/"+name, data)
	}
	return h
}

func TestEverythingOfAPersonIsEnded(t *testing.T) {
	t.Parallel()
	for _, by := range []map[string]any{{"username": "ALICE"}, {"user_id": "2"}, {"entity_id": "entity-1"}, {"all": true}} {
		t.Run(fmt.Sprint(by), func(t *testing.T) {
			t.Parallel()
			h := manyRoles(t)
			onlyAlice, noShared := by["username"] != nil || by["user_id"] != nil, by["entity_id"] != nil
			var tokens []string
			leases := map[string]*mounttest.Lease{}
			for _, name := range []string{"ci", "refresh", "extend", "none", "young", "pat", "pat-none", "for-alice"} {
				for range 2 {
					leases[name] = leased(h, name)
					tokens = append(tokens, leases[name].Token())
				}
			}
			if !noShared { // its readers are many
				for _, name := range []string{"shared", "shared-pat"} {
					tokens = append(tokens, h.Read("static-creds/" + name)["access_token"].(string))
				}
			}
			matched := len(tokens)
			other := leased(h, "other")
			if !onlyAlice {
				matched++
			}
			h.Clock.Advance(time.Hour / 2)
			leases["refresh"].Renew()
			leases["pat"].Renew()
			tokens = append(tokens, leases["refresh"].Token())

			dry := maps.Clone(by)
			dry["dry_run"] = true
			resp := h.MustWrite("credentials/revoke", dry)
			require.Equal(t, map[string]any{"matched": matched, "ended": 0, "failed": 0, "failures": []map[string]any{}}, resp.Data)
			require.True(t, h.Pm.Accepts(leases["pat"].Token()))

			resp = h.MustWrite("credentials/revoke", by)
			require.Equal(t, map[string]any{"matched": matched, "ended": matched, "failed": 0, "failures": []map[string]any{}}, resp.Data)
			require.Empty(t, resp.Warnings)
			for _, token := range tokens {
				require.False(t, h.Pm.Accepts(token))
			}
			require.Equal(t, onlyAlice, h.Pm.Accepts(other.Token()))
			for name, l := range leases {
				require.NoError(t, l.TryRevoke(), name)
			}
		})
	}
}

func TestWhatCannotBeEndedIsSaid(t *testing.T) {
	t.Parallel()
	h := manyRoles(t)
	lost := leased(h, "pat-none")
	_, err := h.Do(logical.DeleteOperation, "roles/pat-none", nil)
	require.NoError(t, err)
	tokens := []string{leased(h, "refresh").Token(), leased(h, "extend").Token(), leased(h, "pat").Token()}
	const many = 300 // more than a walk looks at in one stride
	for range many {
		tokens = append(tokens, leased(h, "none").Token())
	}
	remove := h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Answer(403, mounttest.JsonHeader(), `{}`)})
	resp := h.MustWrite("credentials/revoke", map[string]any{"username": "alice"})
	require.Equal(t, []any{many + 4, 0, many + 4}, []any{resp.Data["matched"], resp.Data["ended"], resp.Data["failed"]})
	failures := resp.Data["failures"].([]map[string]any)
	require.Len(t, failures, 20)
	for _, failure := range failures {
		require.NotEmpty(t, failure["role"])
		require.NotNil(t, h.Record(ledger.ID(failure["credential_id"].(string))))
		require.Contains(t, failure["reason"], "403")
	}
	require.Contains(t, resp.Warnings[0], fmt.Sprintf("%d credentials could not be ended", many+4))

	remove()
	resp = h.MustWrite("credentials/revoke", map[string]any{"username": "alice"})
	require.Equal(t, []any{many + 4, many + 3, 1}, []any{resp.Data["matched"], resp.Data["ended"], resp.Data["failed"]})
	require.Len(t, resp.Warnings, 1)
	failures = resp.Data["failures"].([]map[string]any)
	require.Equal(t, []any{string(lost.Id()), "pat-none"}, []any{failures[0]["credential_id"], failures[0]["role"]})
	require.Contains(t, failures[0]["reason"], "Its lease alone holds its token and ends it")
	for _, token := range tokens {
		require.False(t, h.Pm.Accepts(token))
	}
	require.True(t, h.Pm.Accepts(lost.Token()))
	require.NoError(t, lost.TryRevoke())
	require.False(t, h.Pm.Accepts(lost.Token()))
}

// A typo is no success of nothing.
func TestEndingWhatNobodyHas(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	for _, known := range []map[string]any{{"role": "ci"}, {"username": "alice"}, {"username": "Alice", "role": "ci"}, {"all": true}} {
		resp := h.MustWrite("credentials/revoke", known)
		require.Equal(t, map[string]any{"matched": 0, "ended": 0, "failed": 0, "failures": []map[string]any{}}, resp.Data)
	}
	for _, unknown := range []map[string]any{{"role": "cj"}, {"username": "alise"}, {"user_id": "77"}, {"entity_id": "e-7"}, {"role": "ci", "username": "admin"}, {"role": "cj", "dry_run": true}} {
		resp, err := h.Do(logical.UpdateOperation, "credentials/revoke", unknown)
		require.Equal(t, 404, mounttest.Status(resp, err), "%v", unknown)
	}
	for _, wrong := range []map[string]any{nil, {"all": false}, {"all": true, "role": "ci"}, {"dry_run": true}} {
		h.RefusedWrite(logical.UpdateOperation, "credentials/revoke", wrong, "alone")
	}
}

// What its holder has made under the name of a personal access token ends with it, shared ones too.
func TestNamesakesAreEndedWithAll(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"credential_type": "personal_access_token", "rotation_period": "1h"})
	shared := h.Read("static-creds/ci")
	holder := h.Register("static-creds/ci", &logical.Response{Secret: &logical.Secret{}, Data: shared})
	mintAs(h, holder, ledger.TokenName("5f0d43c3", "ci", holder.Id()))
	require.Len(t, h.LivePersonal(), 2)
	resp := h.MustWrite("credentials/revoke", map[string]any{"role": "ci"})
	require.Equal(t, 1, resp.Data["ended"])
	require.Empty(t, h.LivePersonal())
}

func leased(h *mounttest.Mount, name string) *mounttest.Lease {
	h.T.Helper()
	resp, err := h.Do(logical.ReadOperation, "creds/"+name, nil)
	require.Equal(h.T, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	return h.Register("creds/"+name, resp)
}
