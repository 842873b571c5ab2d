package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/session"
)

// heldRefreshes makes refreshes wait, and says when the first has arrived.
func (h *harness) heldRefreshes() (arrived <-chan struct{}, release func()) {
	h.t.Helper()
	first, held := make(chan struct{}, 1), make(chan struct{})
	remove := h.pm.Inject(processmakertest.Fault{
		On: processmakertest.RefreshGrant, Times: -1, Do: processmakertest.Hold(held),
		Match: func(*http.Request) bool {
			select {
			case first <- struct{}{}:
			default:
			}
			return true
		},
	})
	return first, func() {
		remove()
		close(held)
	}
}

// taint makes the mount one that is being disabled.
func (h *harness) taint() {
	h.t.Helper()
	h.settledEvents()
	require.NoError(h.t, h.backend.Setup(context.Background(), &logical.BackendConfig{
		StorageView: h.storage, System: taintedView{h.system}, Logger: h.backend.Logger(), EventsSender: h.events, BackendUUID: h.backend.Engine().Mount.ID,
	}))
}

// settledEvents waits until all events have been sent.
func (h *harness) settledEvents() []logical.MockEvent {
	h.t.Helper()
	require.NoError(h.t, h.backend.Engine().Background.Wait(context.Background()))
	h.events.Lock()
	defer h.events.Unlock()
	return h.events.Events
}

func (h *harness) eventKinds() []string {
	h.t.Helper()
	var kinds []string
	for _, e := range h.settledEvents() {
		kinds = append(kinds, string(e.Type))
	}
	return kinds
}

// snapshot is everything that is stored.
func (h *harness) snapshot() map[string]string {
	h.t.Helper()
	ctx := context.Background()
	keys, err := logical.CollectKeys(ctx, h.storage.Storage)
	require.NoError(h.t, err)
	stored := make(map[string]string, len(keys))
	for _, key := range keys {
		entry, err := h.storage.Storage.Get(ctx, key)
		require.NoError(h.t, err)
		stored[key] = string(entry.Value)
	}
	return stored
}

func (h *harness) damage(key, value string) {
	h.t.Helper()
	require.NoError(h.t, h.storage.Storage.Put(context.Background(), &logical.StorageEntry{Key: key, Value: []byte(value)}))
	h.forgetAll()
	h.forgetAll()
}

// newPersonalHarness has a role "ci" that hands out personal access tokens.
func newPersonal(t *testing.T, factory Maker, role map[string]any) *harness {
	t.Helper()
	data := map[string]any{"credential_type": "personal_access_token"}
	for key, value := range role {
		data[key] = value
	}
	return newReady(t, factory, data)
}

// livePersonal are the names of the personal access tokens that live.
func (h *harness) livePersonal() []string {
	names := []string{}
	for _, token := range h.pm.LiveTokens() {
		if token.Name != "" {
			names = append(names, token.Name)
		}
	}
	return names
}

func (h *harness) session() *session.Session {
	h.t.Helper()
	stored, err := h.reader().Sessions.Get(context.Background(), "ci")
	require.NoError(h.t, err)
	return stored
}

// goDown makes every dial fail. A connection that is lost in the very moment it
// is used would be another case: nobody knows what arrived.
func (h *harness) goDown() {
	h.pm.GoOffline()
	h.backend.Engine().Instances.Close()
}

// newSharedUserHarness has two roles of alice. It starts with nothing in memory.
func newSharedUser(t *testing.T, factory Maker) *harness {
	t.Helper()
	h := newReady(t, factory, nil)
	h.mustWrite("roles/other", h.roleData(map[string]any{"credential_type": "personal_access_token"}))
	h.restart()
	h.drawFrom(rand.Reader)
	h.pm.ResetLog()
	return h
}

func (h *harness) rotate() error {
	resp, err := h.do(logical.UpdateOperation, "rotate-role/ci", map[string]any{"update_all": true})
	if err == nil && resp.IsError() {
		err = resp.Error()
	}
	return err
}

func (h *harness) password() string { return h.pm.User("alice").Password }

// storedPassword is what a role has in storage.
func (h *harness) storedPassword(role string) string {
	h.t.Helper()
	stored, err := h.reader().Roles.Get(context.Background(), role)
	require.NoError(h.t, err)
	return stored.Password
}

// openChanges are the stored changes that are not settled.
func (h *harness) openChanges() []string {
	h.t.Helper()
	keys, err := logical.CollectKeysWithPrefix(context.Background(), h.storage.Storage, role.PendingPrefix)
	require.NoError(h.t, err)
	return keys
}

// restart is what a crash of the plugin does: only storage remains.
func (h *harness) openChange() *role.PendingPassword {
	h.t.Helper()
	open, err := h.reader().Roles.AllPending(context.Background())
	require.NoError(h.t, err)
	require.NotEmpty(h.t, open)
	return open[0]
}

func (h *harness) restart() {
	h.t.Helper()
	old := h.backend
	h.backend = h.factory(h.clock, h.random)
	require.NoError(h.t, h.backend.Setup(context.Background(), &logical.BackendConfig{
		StorageView: h.storage, System: h.system, Logger: old.Logger(), BackendUUID: old.Engine().Mount.ID,
	}))
	h.t.Cleanup(func() { h.backend.Cleanup(context.Background()) })
}

// requireSettled requires that nothing of a rotation is left over.
func (h *harness) requireSettled() {
	h.t.Helper()
	require.Empty(h.t, h.openChanges())
	require.ElementsMatch(h.t, h.recordedIDs(), h.liveIDs(), "live tokens are those that the ledger knows")
	require.Zero(h.t, h.backend.Engine().LocksInUse())
}

// whileMinting runs do while a read is on its way to ProcessMaker with its
// session's token.
func (h *harness) whileMinting(do func()) {
	var done atomic.Bool
	h.pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Match: func(*http.Request) bool {
		if done.CompareAndSwap(false, true) {
			do()
		}
		return false
	}})
}

func (h *harness) endSession() {
	resp, err := h.do(logical.DeleteOperation, "sessions/ci", nil)
	if err != nil || resp.IsError() {
		h.t.Errorf("the session could not be deleted: %s", message(resp, err))
	}
}

// lateReader gives the role to another user. It returns what a reader knows that
// has loaded the role before.
func (h *harness) lateReader() (former *role.Binding) {
	h.t.Helper()
	former = h.bound("ci")
	h.pm.AddUser(processmakertest.User{Username: newUser, Password: "robert's"})
	h.mustWrite("roles/ci", map[string]any{"username": newUser, "password": "robert's"})
	return former
}

// newSignInHarness has a role "ci" that a person signs in to.
func newSignIn(t *testing.T, factory Maker, role map[string]any) *harness {
	t.Helper()
	h := newMount(t, factory)
	h.mustWrite("config", h.configData())
	data := map[string]any{
		"grant_type": "authorization_code", "credential_type": "personal_access_token", "redirect_uri": callback,
		"client_id": "2", "client_secret": h.pm.Client(2).Secret,
	}
	for key, value := range role {
		data[key] = value
	}
	h.mustWrite("roles/ci", data)
	h.pm.ResetLog()
	return h
}

// begin starts a sign-in and gives the state and what username's sign-in at
// ProcessMaker answers.
func (h *harness) begin(username string) (state, code string) {
	h.t.Helper()
	resp, err := h.do(logical.UpdateOperation, "authorize/ci", nil)
	require.NoError(h.t, err)
	require.False(h.t, resp.IsError(), "%v", resp)
	address, err := url.Parse(resp.Data["authorization_url"].(string))
	require.NoError(h.t, err)
	query := address.Query()
	require.Equal(h.t, "S256", query.Get("code_challenge_method"))
	require.Equal(h.t, resp.Data["state"], query.Get("state"))
	return query.Get("state"), h.pm.AuthorizationCode(processmakertest.Approval{
		ClientID: 2, Username: username, RedirectURI: query.Get("redirect_uri"),
		CodeChallenge: query.Get("code_challenge"), CodeChallengeMethod: query.Get("code_challenge_method"),
	})
}

func (h *harness) complete(state, code string) (*logical.Response, error) {
	return h.do(logical.UpdateOperation, "sessions/ci", map[string]any{"state": state, "code": code})
}

func (h *harness) list(path string) []string {
	h.t.Helper()
	resp, err := h.do(logical.ListOperation, path, nil)
	require.NoError(h.t, err)
	return resp.Data["keys"].([]string)
}

func newStatic(t *testing.T, factory Maker, role map[string]any) *harness {
	t.Helper()
	data := map[string]any{"rotation_period": "1h", "rotation_overlap": "10m"}
	for key, value := range role {
		data[key] = value
	}
	h := newReady(t, factory, data)
	h.tick()
	return h
}

func (h *harness) counter(name string) int64 {
	h.t.Helper()
	return h.read("status")["counters"].(map[string]any)[name].(int64)
}

// tick is one call of the periodic function and the work that it wakes.
func (h *harness) tick() {
	h.t.Helper()
	h.backend.Engine().Tick()
	require.NoError(h.t, h.backend.Engine().Background.Wait(context.Background()))
}

func inject(on processmakertest.Endpoint, effect processmakertest.Effect) func(*harness) {
	return func(h *harness) { h.pm.Inject(processmakertest.Fault{On: on, Do: effect}) }
}

func jsonHeader() map[string][]string {
	return map[string][]string{"Content-Type": {"application/json"}}
}

const callback = "http://127.0.0.1:8250/oauth/callback"

// newUser is the user that lateReader gives the role to.
const newUser = "robert"

// taintedView is the system of a mount that is being unmounted.
type taintedView struct{ *logical.StaticSystemView }

func (taintedView) Tainted() bool { return true }
