package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine"

	"vault-plugin-secrets-processmaker/engine/role"

	"vault-plugin-secrets-processmaker/engine/instance"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/helper/testhelpers/schema"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/clock"
	"vault-plugin-secrets-processmaker/internal/clock/clocktest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Backend is a mount under test.
type Backend interface {
	logical.Backend
	Route(path string) *framework.Path
	Engine() *engine.Engine
	Framework() *framework.Backend
}

// Maker makes a mount that Setup was not called for.
type Maker func(clk clock.Clock, random io.Reader) Backend

// harness is one mount with a ProcessMaker of its own, on a clock that only
// the test moves (and that waiting moves by itself).
type harness struct {
	t       *testing.T
	factory Maker
	backend Backend
	// random is the mount's source of randomness.
	random  io.Reader
	storage *watchedStorage
	pm      *processmakertest.Server
	clock   *clocktest.Clock
	log     *lockedBuffer
	system  *logical.StaticSystemView
	events  *logical.MockEventSender
	// answered, if set, is told of every answer.
	answered func(to string, resp *logical.Response, err error)
}

func (h *harness) tell(to string, resp *logical.Response, err error) {
	if h.answered != nil {
		h.answered(to, resp, err)
	}
}

// newMount has a ProcessMaker, and nothing is written yet.
func newMount(t *testing.T, factory Maker, configure ...func(*processmakertest.Config)) *harness {
	t.Helper()
	h := &harness{
		t:       t,
		factory: factory,
		clock:   clocktest.NewAuto(noon),
		storage: &watchedStorage{Storage: &logical.InmemStorage{}},
		log:     &lockedBuffer{},
		events:  logical.NewMockEventSender(),
		system: &logical.StaticSystemView{
			DefaultLeaseTTLVal: 768 * time.Hour, MaxLeaseTTLVal: 768 * time.Hour,
			PluginEnvironment: &logical.PluginEnvironment{VaultVersion: "1.21.1", VaultVersionMetadata: "ent"},
		},
	}
	cfg := processmakertest.Config{Clock: h.clock.Now}
	for _, change := range configure {
		change(&cfg)
	}
	pm, err := processmakertest.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(pm.Close)
	h.pm = pm
	h.random = &countingReader{}
	h.backend = h.newNode(h.random)
	t.Cleanup(func() { h.backend.Cleanup(context.Background()) })
	return h
}

// newNode is a node that has just taken over the mount: it knows what storage
// does.
func (h *harness) newNode(random io.Reader) Backend { return h.newNodeOn(h.storage, random) }

func (h *harness) newNodeOn(storage logical.Storage, random io.Reader) Backend {
	h.t.Helper()
	node := h.factory(h.clock, random)
	require.NoError(h.t, node.Setup(context.Background(), &logical.BackendConfig{
		StorageView:  storage,
		System:       h.system,
		Logger:       hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: h.log}),
		EventsSender: h.events,
		BackendUUID:  "5f0d43c3-7a3c-6a1e-0d3f-5c2a8a4e1b11",
	}))
	return node
}

// drawFrom gives the mount another source of randomness.
func (h *harness) drawFrom(random io.Reader) {
	h.random = random
	h.backend = h.newNode(random)
}

// newReady has a config and a role "ci" of the user alice.
func newReady(t *testing.T, factory Maker, role map[string]any, configure ...func(*processmakertest.Config)) *harness {
	t.Helper()
	h := newMount(t, factory, configure...)
	h.mustWrite("config", h.configData())
	h.mustWrite("roles/ci", h.roleData(role))
	h.pm.ResetLog()
	h.storage.reset()
	return h
}

func (h *harness) configData() map[string]any {
	passwordClient := h.pm.Client(3)
	return map[string]any{
		"url":                       h.pm.URL(),
		"client_id":                 "3",
		"client_secret":             passwordClient.Secret,
		"token_requests_per_minute": 0,
		"max_concurrent_requests":   64,
	}
}

func (h *harness) roleData(more map[string]any) map[string]any {
	data := map[string]any{"username": "alice", "password": h.pm.User("alice").Password}
	maps.Copy(data, more)
	return data
}

func (h *harness) request(ctx context.Context, operation logical.Operation, path string, data map[string]any) (*logical.Response, error) {
	resp, err := h.backend.HandleRequest(ctx, &logical.Request{
		Operation:   operation,
		Path:        path,
		Data:        maps.Clone(data),
		Storage:     h.storage,
		MountPoint:  "processmaker/",
		EntityID:    "entity-1",
		DisplayName: "token-ci",
	})
	h.checkAnswer(operation, path, resp, err)
	h.tell(path, resp, err)
	return resp, err
}

// checkAnswer compares every answer of every test with what the path says that
// it answers.
func (h *harness) checkAnswer(operation logical.Operation, path string, resp *logical.Response, err error) {
	h.t.Helper()
	if err != nil || resp == nil || resp.IsError() || operation == logical.HelpOperation {
		return
	}
	route := h.backend.Route(path)
	require.NotNil(h.t, route, path)
	schema.ValidateResponse(h.t, schema.GetResponseSchema(h.t, route, operation), resp, true)
}

func (h *harness) do(operation logical.Operation, path string, data map[string]any) (*logical.Response, error) {
	return h.request(context.Background(), operation, path, data)
}

// write creates or updates as Vault does, by the existence check.
func (h *harness) write(path string, data map[string]any) (*logical.Response, error) {
	h.t.Helper()
	req := &logical.Request{Operation: logical.UpdateOperation, Path: path, Data: maps.Clone(data), Storage: h.storage}
	checked, exists, err := h.backend.HandleExistenceCheck(context.Background(), req)
	if err != nil {
		return nil, err
	}
	operation := logical.Operation(logical.UpdateOperation)
	if checked && !exists {
		operation = logical.CreateOperation
	}
	return h.do(operation, path, data)
}

func (h *harness) mustWrite(path string, data map[string]any) *logical.Response {
	h.t.Helper()
	resp, err := h.write(path, data)
	require.NoError(h.t, err)
	require.False(h.t, resp.IsError(), "%v", resp)
	return resp
}

// refusedWrite expects a 400 that says something.
func (h *harness) refusedWrite(operation logical.Operation, path string, data map[string]any, says string) {
	h.t.Helper()
	resp, err := h.do(operation, path, data)
	require.NoError(h.t, err)
	require.True(h.t, resp.IsError(), "%v", resp)
	require.ErrorContains(h.t, resp.Error(), says)
}

func (h *harness) read(path string) map[string]any {
	h.t.Helper()
	resp, err := h.do(logical.ReadOperation, path, nil)
	require.NoError(h.t, err)
	if resp == nil {
		return nil
	}
	require.False(h.t, resp.IsError(), "%v", resp)
	return resp.Data
}

// readAtOnce reads so many times at once, and each has to succeed.
func (h *harness) readAtOnce(path string, readers int) {
	h.t.Helper()
	var all sync.WaitGroup
	for range readers {
		all.Go(func() {
			if resp, err := h.do(logical.ReadOperation, path, nil); status(resp, err) != 200 {
				h.t.Error(message(resp, err))
			}
		})
	}
	all.Wait()
}

// reader is an engine that reads what is stored, past the hooks and counters.
func (h *harness) reader() *engine.Engine {
	m := h.backend.Engine().Mount
	m.Storage = h.storage.Storage
	return engine.New(m)
}

// bound is a role as it signs in now.
func (h *harness) bound(name string) *role.Binding {
	h.t.Helper()
	bound, err := h.backend.Engine().Roles.Bind(context.Background(), name)
	require.NoError(h.t, err)
	return bound
}

// login makes a pair of tokens with a role's password.
func (h *harness) login(name string) *client.Grant {
	h.t.Helper()
	grant, err := h.backend.Engine().Tokens.Login(context.Background(), h.bound(name))
	require.NoError(h.t, err)
	return grant
}

// forgetAll makes the mount read storage again, as a plugin that has just started.
func (h *harness) forgetAll() {
	h.t.Helper()
	keys, err := logical.CollectKeys(context.Background(), h.storage.Storage)
	require.NoError(h.t, err)
	for _, key := range append(keys, instance.Key) {
		h.backend.Engine().Forget(key)
	}
}

// status is the HTTP status that Vault would give.
func status(resp *logical.Response, err error) int {
	var coded logical.HTTPCodedError
	switch {
	case errors.As(err, &coded):
		return coded.Code()
	case err != nil:
		return 500
	case resp.IsError():
		return 400
	default:
		return 200
	}
}

func message(resp *logical.Response, err error) string {
	if err != nil {
		return err.Error()
	}
	if resp.IsError() {
		return resp.Error().Error()
	}
	return ""
}

// checkSchema compares an answer's keys with the schema of the credential.
func (h *harness) checkSchema(resp *logical.Response) {
	h.t.Helper()
	h.checkFields(h.backend.Route("creds/ci").Operations[logical.ReadOperation].Properties().Responses[200][0].Fields, resp.Data)
}

func (h *harness) checkFields(fields map[string]*framework.FieldSchema, data map[string]any) {
	h.t.Helper()
	for name := range data {
		require.Contains(h.t, fields, name)
	}
	for name := range fields {
		require.Contains(h.t, data, name)
	}
	require.NoError(h.t, (&framework.FieldData{Raw: data, Schema: fields}).ValidateStrict())
}

func (h *harness) record(id ledger.ID) *ledger.Record {
	h.t.Helper()
	record, err := h.reader().Ledger.Get(context.Background(), id)
	require.NoError(h.t, err)
	return record
}

// liveIDs are the ids of the tokens that ProcessMaker accepts.
func (h *harness) liveIDs() []string {
	ids := []string{}
	for _, token := range h.pm.LiveTokens() {
		ids = append(ids, token.ID)
	}
	return ids
}

// recordIDs are the ids of the credentials that the ledger knows.
func (h *harness) recordIDs() []ledger.ID {
	h.t.Helper()
	keys, err := logical.CollectKeysWithPrefix(context.Background(), h.storage.Storage, ledger.Prefix)
	require.NoError(h.t, err)
	ids := []ledger.ID{}
	for _, key := range keys {
		ids = append(ids, ledger.ID(strings.ReplaceAll(strings.TrimPrefix(key, ledger.Prefix), "/", "")))
	}
	return ids
}

// recordedIDs are the ids of the tokens that the ledger knows.
func (h *harness) recordedIDs() []string {
	h.t.Helper()
	ids := []string{}
	for _, id := range h.recordIDs() {
		ids = append(ids, h.record(id).TokenID)
	}
	return ids
}

func pathEnds(suffix string) func(*http.Request) bool {
	return func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, suffix) }
}

// cost compares what do costs: gets, puts, deletes and lists of storage, and
// exchanges with ProcessMaker.
func (h *harness) cost(what string, storage [4]int64, exchanges int, do func()) {
	h.t.Helper()
	h.storage.reset()
	h.pm.ResetLog()
	do()
	require.Equal(h.t, storage, h.storage.counts(), "%s: gets, puts, deletes, lists", what)
	require.Equal(h.t, exchanges, h.pm.Count(), "%s: exchanges", what)
}
