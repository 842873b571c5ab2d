package mounttest

import (
	"context"
	"io"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine"

	"vault-plugin-secrets-processmaker/engine/role"

	"vault-plugin-secrets-processmaker/engine/instance"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/clock"
	"vault-plugin-secrets-processmaker/internal/clock/clocktest"
)

var Noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Backend is a mount under test.
type Backend interface {
	logical.Backend
	Route(path string) *framework.Path
	Engine() *engine.Engine
	Framework() *framework.Backend
}

// Maker makes a mount that Setup was not called for.
type Maker func(clk clock.Clock, random io.Reader) Backend

// Mount is one mount with a ProcessMaker of its own, on a clock that only
// the test moves (and that waiting moves by itself).
type Mount struct {
	T       *testing.T
	factory Maker
	Backend Backend
	// random is the mount's source of randomness.
	Random  io.Reader
	Storage *WatchedStorage
	Pm      *processmakertest.Server
	Clock   *clocktest.Clock
	Log     *lockedBuffer
	System  *logical.StaticSystemView
	events  *logical.MockEventSender
	tainted atomic.Bool
	// behind is how far Vault's clock is behind ProcessMaker's.
	behind atomic.Int64
	// answered, if set, is told of every answer.
	Answered func(to string, resp *logical.Response, err error)
}

func (h *Mount) tell(to string, resp *logical.Response, err error) {
	if h.Answered != nil {
		h.Answered(to, resp, err)
	}
}

// New has a ProcessMaker, and nothing is written yet.
func New(t *testing.T, factory Maker, configure ...func(*processmakertest.Config)) *Mount {
	t.Helper()
	h := &Mount{
		T:       t,
		factory: factory,
		Clock:   clocktest.NewAuto(Noon),
		Storage: &WatchedStorage{Storage: &logical.InmemStorage{}},
		Log:     &lockedBuffer{},
		events:  logical.NewMockEventSender(),
		System: &logical.StaticSystemView{
			DefaultLeaseTTLVal: 768 * time.Hour, MaxLeaseTTLVal: 768 * time.Hour,
			PluginEnvironment: &logical.PluginEnvironment{VaultVersion: "1.21.1", VaultVersionMetadata: "ent"},
		},
	}
	passport, err := processmakertest.PassportWanted()
	require.NoError(t, err)
	cfg := processmakertest.Config{Clock: func() time.Time { return h.Clock.Now().Add(time.Duration(h.behind.Load())) }, Passport: passport}
	for _, change := range configure {
		change(&cfg)
	}
	pm, err := processmakertest.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(pm.Close)
	h.Pm = pm
	h.Random = &countingReader{}
	h.Backend = h.NewNode(h.Random)
	t.Cleanup(func() { h.Backend.Cleanup(context.Background()) })
	return h
}

// NewNode is a node that has just taken over the mount: it knows what storage
// does.
func (h *Mount) NewNode(random io.Reader) Backend { return h.NewNodeOn(h.Storage, random) }

func (h *Mount) NewNodeOn(storage logical.Storage, random io.Reader) Backend {
	h.T.Helper()
	node := h.factory(h.Clock, random)
	require.NoError(h.T, node.Setup(context.Background(), &logical.BackendConfig{
		StorageView:  storage,
		System:       systemView{h.System, &h.tainted},
		Logger:       hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: h.Log}),
		EventsSender: h.events,
		BackendUUID:  "5f0d43c3-7a3c-6a1e-0d3f-5c2a8a4e1b11",
	}))
	return node
}

// DrawFrom gives the mount another source of randomness.
func (h *Mount) DrawFrom(random io.Reader) {
	h.Random = random
	h.Backend = h.NewNode(random)
}

// NewReady has a config and a role "ci" of the user alice.
func NewReady(t *testing.T, factory Maker, role map[string]any, configure ...func(*processmakertest.Config)) *Mount {
	t.Helper()
	h := New(t, factory, configure...)
	h.MustWrite("config", h.ConfigData())
	h.MustWrite("roles/ci", h.RoleData(role))
	h.Pm.ResetLog()
	h.Storage.Reset()
	return h
}

func (h *Mount) ConfigData() map[string]any {
	passwordClient := h.Pm.Client(3)
	return map[string]any{
		"url":                       h.Pm.URL(),
		"client_id":                 "3",
		"client_secret":             passwordClient.Secret,
		"token_requests_per_minute": 0,
		"max_concurrent_requests":   64,
	}
}

func (h *Mount) RoleData(more map[string]any) map[string]any {
	data := map[string]any{"username": "alice", "password": h.Pm.User("alice").Password}
	maps.Copy(data, more)
	return data
}

func (h *Mount) Request(ctx context.Context, operation logical.Operation, path string, data map[string]any) (*logical.Response, error) {
	resp, err := h.Backend.HandleRequest(ctx, &logical.Request{
		Operation:   operation,
		Path:        path,
		Data:        maps.Clone(data),
		Storage:     h.Storage,
		MountPoint:  "processmaker/",
		EntityID:    "entity-1",
		DisplayName: "token-ci",
	})
	resp, err = Heard(resp, err)
	h.checkAnswer(operation, path, resp, err)
	h.tell(path, resp, err)
	return resp, err
}

func (h *Mount) Do(operation logical.Operation, path string, data map[string]any) (*logical.Response, error) {
	return h.Request(context.Background(), operation, path, data)
}

// Write creates or updates as Vault does, by the existence check.
func (h *Mount) Write(path string, data map[string]any) (*logical.Response, error) {
	h.T.Helper()
	req := &logical.Request{Operation: logical.UpdateOperation, Path: path, Data: maps.Clone(data), Storage: h.Storage}
	checked, exists, err := h.Backend.HandleExistenceCheck(context.Background(), req)
	if err != nil {
		return nil, err
	}
	operation := logical.Operation(logical.UpdateOperation)
	if checked && !exists {
		operation = logical.CreateOperation
	}
	return h.Do(operation, path, data)
}

func (h *Mount) MustWrite(path string, data map[string]any) *logical.Response {
	h.T.Helper()
	resp, err := h.Write(path, data)
	require.NoError(h.T, err)
	require.False(h.T, resp.IsError(), "%v", resp)
	return resp
}

// RefusedWrite expects a 400 that says something.
func (h *Mount) RefusedWrite(operation logical.Operation, path string, data map[string]any, says string) {
	h.T.Helper()
	resp, err := h.Do(operation, path, data)
	require.NoError(h.T, err)
	require.True(h.T, resp.IsError(), "%v", resp)
	require.ErrorContains(h.T, resp.Error(), says)
}

func (h *Mount) Read(path string) map[string]any {
	h.T.Helper()
	resp, err := h.Do(logical.ReadOperation, path, nil)
	require.NoError(h.T, err)
	if resp == nil {
		return nil
	}
	require.False(h.T, resp.IsError(), "%v", resp)
	return resp.Data
}

// ReadAtOnce reads so many times at once, and each has to succeed.
func (h *Mount) ReadAtOnce(path string, readers int) {
	h.T.Helper()
	var all sync.WaitGroup
	for range readers {
		all.Go(func() {
			if resp, err := h.Do(logical.ReadOperation, path, nil); Status(resp, err) != 200 {
				h.T.Error(Message(resp, err))
			}
		})
	}
	all.Wait()
}

// Reader is an engine that reads what is stored, past the hooks and counters.
func (h *Mount) Reader() *engine.Engine {
	m := h.Backend.Engine().Mount
	m.Storage = h.Storage.Storage
	return engine.New(m)
}

// Bound is a role as it signs in now.
func (h *Mount) Bound(name string) *role.Binding {
	h.T.Helper()
	bound, err := h.Backend.Engine().Roles.Bind(context.Background(), name)
	require.NoError(h.T, err)
	return bound
}

// Login makes a pair of tokens with a role's password.
func (h *Mount) Login(name string) *client.Grant {
	h.T.Helper()
	grant, err := h.Backend.Engine().Tokens.Login(context.Background(), h.Bound(name))
	require.NoError(h.T, err)
	return grant
}

// ForgetAll makes the mount read storage again, as a plugin that has just started.
func (h *Mount) ForgetAll() {
	h.T.Helper()
	keys, err := logical.CollectKeys(context.Background(), h.Storage.Storage)
	require.NoError(h.T, err)
	for _, key := range append(keys, instance.Key) {
		h.Backend.Engine().Forget(key)
	}
}
