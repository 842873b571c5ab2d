package mounttest

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/session"
)

// HeldRefreshes makes refreshes wait, and says when the first has arrived.
func (h *Mount) HeldRefreshes() (arrived <-chan struct{}, release func()) {
	h.T.Helper()
	first, held := make(chan struct{}, 1), make(chan struct{})
	remove := h.Pm.Inject(processmakertest.Fault{
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

// Taint makes the mount one that is being disabled or moved, and Untaint takes that back.
func (h *Mount) Taint()   { h.tainted.Store(true) }
func (h *Mount) Untaint() { h.tainted.Store(false) }

// Rollback is what Vault sends once a minute, and a last time when it has tainted the mount.
func (h *Mount) Rollback() {
	h.T.Helper()
	_, err := h.Do(logical.RollbackOperation, "", nil)
	require.NoError(h.T, err)
}

// SettledEvents waits until all events have been sent.
func (h *Mount) SettledEvents() []logical.MockEvent {
	h.T.Helper()
	require.NoError(h.T, h.Backend.Engine().Background.Wait(context.Background()))
	h.events.Lock()
	defer h.events.Unlock()
	return h.events.Events
}

func (h *Mount) EventKinds() []string {
	h.T.Helper()
	var kinds []string
	for _, e := range h.SettledEvents() {
		kinds = append(kinds, string(e.Type))
	}
	return kinds
}

// Snapshot is everything that is stored.
func (h *Mount) Snapshot() map[string]string {
	h.T.Helper()
	ctx := context.Background()
	keys, err := logical.CollectKeys(ctx, h.Storage.Storage)
	require.NoError(h.T, err)
	stored := make(map[string]string, len(keys))
	for _, key := range keys {
		entry, err := h.Storage.Storage.Get(ctx, key)
		require.NoError(h.T, err)
		stored[key] = string(entry.Value)
	}
	return stored
}

func (h *Mount) Damage(key, value string) {
	h.T.Helper()
	require.NoError(h.T, h.Storage.Storage.Put(context.Background(), &logical.StorageEntry{Key: key, Value: []byte(value)}))
	h.ForgetAll()
	h.ForgetAll()
}

// NewPersonal has a role "ci" that hands out personal access tokens.
func NewPersonal(t *testing.T, factory Maker, role map[string]any) *Mount {
	t.Helper()
	data := map[string]any{"credential_type": "personal_access_token"}
	for key, value := range role {
		data[key] = value
	}
	return NewReady(t, factory, data)
}

// LivePersonal are the names of the personal access tokens that live.
func (h *Mount) LivePersonal() []string {
	names := []string{}
	for _, token := range h.Pm.LiveTokens() {
		if token.Name != "" {
			names = append(names, token.Name)
		}
	}
	return names
}

func (h *Mount) Session() *session.Session {
	h.T.Helper()
	stored, err := h.Reader().Sessions.Get(context.Background(), "ci")
	require.NoError(h.T, err)
	return stored
}

// GoDown makes every dial fail. A connection that is lost in the very moment it
// is used would be another case: nobody knows what arrived.
func (h *Mount) GoDown() {
	h.Pm.GoOffline()
	h.Backend.Engine().Instances.Close()
}

// NewSharedUser has two roles of alice. It starts with nothing in memory.
func NewSharedUser(t *testing.T, factory Maker) *Mount {
	t.Helper()
	h := NewReady(t, factory, nil)
	h.MustWrite("roles/other", h.RoleData(map[string]any{"credential_type": "personal_access_token"}))
	h.Restart()
	h.DrawFrom(rand.Reader)
	h.Pm.ResetLog()
	return h
}

func (h *Mount) Rotate() error {
	resp, err := h.Do(logical.UpdateOperation, "rotate-role/ci", map[string]any{"update_all": true})
	if err == nil && resp.IsError() {
		err = resp.Error()
	}
	return err
}

func (h *Mount) Password() string { return h.Pm.User("alice").Password }

// StoredPassword is what a role has in storage.
func (h *Mount) StoredPassword(role string) string {
	h.T.Helper()
	stored, err := h.Reader().Roles.Get(context.Background(), role)
	require.NoError(h.T, err)
	return stored.Password
}

// OpenChanges are the stored changes that are not settled.
func (h *Mount) OpenChanges() []string {
	h.T.Helper()
	keys, err := logical.CollectKeysWithPrefix(context.Background(), h.Storage.Storage, role.PendingPrefix)
	require.NoError(h.T, err)
	return keys
}

// restart is what a crash of the plugin does: only storage remains.
func (h *Mount) OpenChange() *role.PendingPassword {
	h.T.Helper()
	open, err := h.Reader().Roles.AllPending(context.Background())
	require.NoError(h.T, err)
	require.NotEmpty(h.T, open)
	return open[0]
}

func (h *Mount) Restart() {
	h.T.Helper()
	old := h.Backend
	h.Backend = h.factory(h.Clock, h.Random)
	require.NoError(h.T, h.Backend.Setup(context.Background(), &logical.BackendConfig{
		StorageView: h.Storage, System: systemView{h.System, &h.tainted}, Logger: old.Logger(), BackendUUID: old.Engine().Mount.ID,
	}))
	h.T.Cleanup(func() { h.Backend.Cleanup(context.Background()) })
}

// RequireSettled requires that nothing of a rotation is left over.
func (h *Mount) RequireSettled() {
	h.T.Helper()
	require.Empty(h.T, h.OpenChanges())
	require.ElementsMatch(h.T, h.RecordedIDs(), h.LiveIDs(), "live tokens are those that the ledger knows")
	require.Zero(h.T, h.Backend.Engine().LocksInUse())
}

// WhileMinting runs do while a read is on its way to ProcessMaker with its
// session's token.
func (h *Mount) WhileMinting(do func()) {
	var done atomic.Bool
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Match: func(*http.Request) bool {
		if done.CompareAndSwap(false, true) {
			do()
		}
		return false
	}})
}

func (h *Mount) EndSession() {
	resp, err := h.Do(logical.DeleteOperation, "sessions/ci", nil)
	if err != nil || resp.IsError() {
		h.T.Errorf("the session could not be deleted: %s", Message(resp, err))
	}
}

// LateReader gives the role to another user. It returns what a reader knows that
// has loaded the role before.
func (h *Mount) LateReader() (former *role.Binding) {
	h.T.Helper()
	former = h.Bound("ci")
	h.Pm.AddUser(processmakertest.User{Username: NewUser, Password: "robert's"})
	h.MustWrite("roles/ci", map[string]any{"username": NewUser, "password": "robert's"})
	return former
}

// NewSignIn has a role "ci" that a person signs in to.
func NewSignIn(t *testing.T, factory Maker, role map[string]any, configure ...func(*processmakertest.Config)) *Mount {
	t.Helper()
	h := New(t, factory, configure...)
	h.MustWrite("config", h.ConfigData())
	data := map[string]any{
		"grant_type": "authorization_code", "credential_type": "personal_access_token", "redirect_uri": Callback,
		"client_id": "2", "client_secret": h.Pm.Client(2).Secret,
	}
	for key, value := range role {
		data[key] = value
	}
	h.MustWrite("roles/ci", data)
	h.Pm.ResetLog()
	return h
}

// Begin starts a sign-in and gives the state and what username's sign-in at
// ProcessMaker answers.
func (h *Mount) Begin(username string) (state, code string) {
	h.T.Helper()
	resp, err := h.Do(logical.UpdateOperation, "authorize/ci", nil)
	require.NoError(h.T, err)
	require.False(h.T, resp.IsError(), "%v", resp)
	address, err := url.Parse(resp.Data["authorization_url"].(string))
	require.NoError(h.T, err)
	query := address.Query()
	require.Equal(h.T, "S256", query.Get("code_challenge_method"))
	require.Equal(h.T, resp.Data["state"], query.Get("state"))
	return query.Get("state"), h.Pm.AuthorizationCode(processmakertest.Approval{
		ClientID: 2, Username: username, RedirectURI: query.Get("redirect_uri"),
		CodeChallenge: query.Get("code_challenge"), CodeChallengeMethod: query.Get("code_challenge_method"),
	})
}

// Passport13 is the world in which twins are refused.
func Passport13(c *processmakertest.Config) { c.Passport = 13 }

// NewTwin has a role "ci" of user 3, who has the number of the mount's auth client.
func NewTwin(t *testing.T, factory Maker, role map[string]any) *Mount {
	t.Helper()
	h := New(t, factory, Passport13)
	h.Pm.AddUser(processmakertest.User{ID: 3, Username: "twin", Password: "twin's"})
	h.MustWrite("config", h.ConfigData())
	data := map[string]any{"username": "twin", "password": "twin's"}
	for key, value := range role {
		data[key] = value
	}
	h.MustWrite("roles/ci", data)
	return h
}

func (h *Mount) Complete(state, code string) (*logical.Response, error) {
	return h.Do(logical.UpdateOperation, "sessions/ci", map[string]any{"state": state, "code": code})
}

func (h *Mount) List(path string) []string {
	h.T.Helper()
	resp, err := h.Do(logical.ListOperation, path, nil)
	require.NoError(h.T, err)
	return resp.Data["keys"].([]string)
}

func NewStatic(t *testing.T, factory Maker, role map[string]any) *Mount {
	t.Helper()
	data := map[string]any{"rotation_period": "1h", "rotation_overlap": "10m"}
	for key, value := range role {
		data[key] = value
	}
	h := NewReady(t, factory, data)
	h.Tick()
	return h
}

func (h *Mount) Counter(name string) int64 {
	h.T.Helper()
	return h.Read("status")["counters"].(map[string]any)[name].(int64)
}

// PutBack puts Vault's clock back, and not ProcessMaker's.
func (h *Mount) PutBack(d time.Duration) {
	h.behind.Add(int64(d))
	h.Clock.Advance(-d)
}

// Tick is one call of the periodic function and the work that it wakes.
func (h *Mount) Tick() {
	h.T.Helper()
	h.Backend.Engine().Tick()
	require.NoError(h.T, h.Backend.Engine().Background.Wait(context.Background()))
}

func Inject(on processmakertest.Endpoint, effect processmakertest.Effect) func(*Mount) {
	return func(h *Mount) { h.Pm.Inject(processmakertest.Fault{On: on, Do: effect}) }
}

func JsonHeader() map[string][]string {
	return map[string][]string{"Content-Type": {"application/json"}}
}

const Callback = "http://127.0.0.1:8250/oauth/callback"

// NewUser is the user that lateReader gives the role to.
const NewUser = "robert"

// systemView is the system of a mount that can be tainted while it works.
type systemView struct {
	*logical.StaticSystemView
	tainted *atomic.Bool
}

func (v systemView) Tainted() bool { return v.tainted.Load() }
