package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine"
	"vault-plugin-secrets-processmaker/internal/clock"
	"vault-plugin-secrets-processmaker/internal/telemetry"
	"vault-plugin-secrets-processmaker/test/load"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

// Engine and Framework are for tests.
func (b *backend) Engine() *engine.Engine        { return b.engine }
func (b *backend) Framework() *framework.Backend { return b.Backend }

// thisMount makes the mounts of the suites.
func thisMount(clk clock.Clock, random io.Reader) mounttest.Backend { return newBackend(clk, random) }

func newHarness(t *testing.T, configure ...func(*processmakertest.Config)) *mounttest.Mount {
	t.Helper()
	return mounttest.New(t, thisMount, configure...)
}

func newReadyHarness(t *testing.T, role map[string]any, configure ...func(*processmakertest.Config)) *mounttest.Mount {
	t.Helper()
	return mounttest.NewReady(t, thisMount, role, configure...)
}

func newPersonalHarness(t *testing.T, role map[string]any) *mounttest.Mount {
	t.Helper()
	return mounttest.NewPersonal(t, thisMount, role)
}

func newSignInHarness(t *testing.T, role map[string]any) *mounttest.Mount {
	t.Helper()
	return mounttest.NewSignIn(t, thisMount, role)
}

func newStaticHarness(t *testing.T, role map[string]any) *mounttest.Mount {
	t.Helper()
	return mounttest.NewStatic(t, thisMount, role)
}

func TestFactoryTakesAnEmptyConfiguration(t *testing.T) {
	t.Parallel()
	made, err := Factory(context.Background(), &logical.BackendConfig{})
	require.NoError(t, err)
	require.Equal(t, logical.TypeLogical, made.Type())
	require.Equal(t, version, made.(logical.PluginVersioner).PluginVersion().Version)
	made.Cleanup(context.Background())
	_, err = Factory(context.Background(), nil)
	require.Error(t, err)
}

// TestEveryStoredKeyIsMarked looks at each key that the mount ever writes.
func TestEveryStoredKeyIsMarked(t *testing.T) {
	t.Parallel()
	h := newSignInHarness(t, nil)
	h.Begin("alice")
	h.MustWrite("roles/ci", h.RoleData(map[string]any{
		"grant_type": "password", "redirect_uri": nil, "client_id": nil, "client_secret": nil,
		"credential_type": "access_token", "rotation_period": "1h",
	}))
	l := h.Issue(nil)
	h.Clock.Advance(time.Minute)
	l.Renew()
	h.Read("static-creds/ci")
	h.MustWrite("roles/ci", map[string]any{"credential_type": "personal_access_token"})
	h.Issue(nil)
	h.MustWrite("rotate-role/ci", nil)
	h.Tick()
	paths := h.Backend.SpecialPaths()
	covered := func(key string, list []string) bool {
		for _, entry := range list {
			if key == entry || (strings.HasSuffix(entry, "/") && strings.HasPrefix(key, entry)) {
				return true
			}
		}
		return false
	}
	local := map[string]bool{"config": false, "role": false, "session": true, "static": true, "authorize": true, "ledger": true, "cursor": true, "rotate": false}
	seen := map[string]bool{}
	for _, key := range h.Storage.Keys {
		kind, _, _ := strings.Cut(key, "/")
		seen[kind] = true
		require.Equal(t, kind != "cursor", covered(key, paths.SealWrapStorage), key)
		require.Contains(t, local, kind, "a new kind of key needs a decision")
		require.Equal(t, local[kind], covered(key, paths.LocalStorage), key)
	}
	require.Len(t, seen, len(local))
}

// TestWritersAreForwarded: whatever writes or calls ProcessMaker goes to the
// node that may do so before it does anything.
func TestWritersAreForwarded(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	replicated := func(pattern string) bool {
		return strings.Contains(pattern, "config") || strings.Contains(pattern, "roles/") || strings.Contains(pattern, "rotate-role/")
	}
	for _, path := range h.Backend.Framework().Paths {
		for operation, handler := range path.Operations {
			properties := handler.Properties()
			reads := operation == logical.ReadOperation || operation == logical.ListOperation
			acts := !reads || strings.Contains(path.Pattern, "creds/") || strings.Contains(path.Pattern, "credentials/") || strings.Contains(path.Pattern, "status") || strings.Contains(path.Pattern, "metrics")
			require.Equal(t, acts, properties.ForwardPerformanceStandby, "%s %s", operation, path.Pattern)
			require.Equal(t, acts && replicated(path.Pattern), properties.ForwardPerformanceSecondary, "%s %s", operation, path.Pattern)
		}
	}
	h.System.ReplicationStateVal = consts.ReplicationPerformanceStandby
	h.Clock.Advance(time.Second)
	for _, path := range []string{"creds/ci"} {
		_, err := h.Do(logical.ReadOperation, path, nil)
		require.ErrorIs(t, err, logical.ErrReadOnly)
	}
	require.Zero(t, h.Pm.Count())
}

func TestEveryPathExplainsItself(t *testing.T) {
	t.Parallel()
	b := newHarness(t).Backend
	ids := map[string]bool{}
	for _, path := range b.Framework().Paths {
		require.NotEmpty(t, path.HelpSynopsis, path.Pattern)
		require.NotEmpty(t, path.HelpDescription, path.Pattern)
		require.Equal(t, operationPrefix, path.DisplayAttrs.OperationPrefix)
		for name, field := range path.Fields {
			require.NotEmpty(t, field.Description, "%s of %s", name, path.Pattern)
			require.NotNil(t, field.DisplayAttrs, "%s of %s", name, path.Pattern)
		}
		for operation, handler := range path.Operations {
			properties := handler.Properties()
			require.NotEmpty(t, properties.Summary)
			require.NotEmpty(t, properties.Responses, "%s %s", operation, path.Pattern)
			require.NotNil(t, properties.DisplayAttrs)
			id := properties.DisplayAttrs.OperationVerb + "-" + properties.DisplayAttrs.OperationSuffix
			if operation != logical.CreateOperation {
				require.False(t, ids[id], id)
				ids[id] = true
			}
		}
	}
	for _, name := range secretFields {
		if name == "proxy_url" {
			continue // shown with its password masked
		}
		for _, path := range b.Framework().Paths {
			if field := path.Fields[name]; field != nil {
				require.True(t, field.DisplayAttrs.Sensitive, name)
			}
		}
	}
}

func TestAPanicEndsTheRequestAlone(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.Storage.BeforePut(func(string) { panic("S3CRET") })
	_, err := h.Do(logical.UpdateOperation, "roles/ci", map[string]any{"ttl": "1m"})
	require.ErrorIs(t, err, telemetry.ErrPanicked)
	require.NotContains(t, h.Log.String(), "S3CRET")
	require.Contains(t, h.Log.String(), "recovered from a panic")
	h.Storage.BeforePut(nil)
	h.MustWrite("roles/ci", map[string]any{"ttl": "1m"})
	h.Issue(nil)

	h.Backend.Framework().Paths[0].ExistenceCheck = func(context.Context, *logical.Request, *framework.FieldData) (bool, error) {
		panic(errors.New("S3CRET"))
	}
	_, _, err = h.Backend.HandleExistenceCheck(context.Background(), &logical.Request{Operation: logical.CreateOperation, Path: "config", Storage: h.Storage})
	require.ErrorIs(t, err, telemetry.ErrPanicked)
	_, _, err = h.Backend.HandleExistenceCheck(context.Background(), &logical.Request{Operation: logical.CreateOperation, Path: "config", Storage: h.Storage, Data: map[string]any{"client_secret": []any{"S3CRET"}}})
	require.ErrorContains(t, err, "expects a text")
	require.NotContains(t, err.Error(), "S3CRET")
}

func TestUnmountingWaitsForWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	started, release := make(chan struct{}), make(chan struct{})
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		close(started)
		<-release
		return status, body
	})})
	issued := make(chan error, 1)
	go func() {
		_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
		issued <- err
	}()
	<-started
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h.Backend.Cleanup(ctx)
	require.Contains(t, h.Log.String(), "unmounted while requests")
	go close(release)
	h.Backend.Cleanup(context.Background())
	require.NoError(t, <-issued)
	require.NoError(t, h.Backend.Engine().Background.Wait(context.Background()))
}

func TestPeriodicKeepsAwayFromForeignStorage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		state consts.ReplicationState
		// sweeps: the ledger is this cluster's own; writes: the config too.
		sweeps, writes bool
	}{
		"alone or primary":      {consts.ReplicationPerformancePrimary, true, true},
		"performance secondary": {consts.ReplicationPerformanceSecondary, true, false},
		"performance standby":   {consts.ReplicationPerformanceStandby, false, false},
		"standby of a secondary": {
			consts.ReplicationPerformanceStandby | consts.ReplicationPerformanceSecondary, false, false,
		},
		"disaster recovery secondary": {consts.ReplicationDRSecondary, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, nil)
			l := h.Issue(nil)
			_, err := h.Do(logical.DeleteOperation, "config", nil)
			require.NoError(t, err)
			h.Clock.Advance(25 * time.Hour)
			h.System.ReplicationStateVal = test.state
			h.Storage.Reset()
			h.Pm.ResetLog()
			h.Tick()
			h.Tick()
			require.Equal(t, test.sweeps, !h.Pm.Accepts(l.Token()))
			require.Equal(t, test.sweeps, h.Pm.Count() > 0)
			if !test.sweeps {
				require.Equal(t, [4]int64{}, h.Storage.Counts())
			}
			h.Clock.Advance(engine.UpkeepInterval)
			h.Tick()
			stored, err := h.Reader().Instances.Current(context.Background())
			require.NoError(t, err)
			require.Equal(t, test.writes, stored == nil, "the deleted config is dropped by who may write it")
		})
	}
}

// Not parallel: it counts the goroutines of the whole process.
func TestNoGoroutineOutlivesItsMount(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("a mount with every trouble", func(t *testing.T) {
		h := newStaticHarness(t, map[string]any{"credential_type": "personal_access_token"})
		h.MustWrite("roles/login", h.RoleData(nil))
		for _, effect := range []processmakertest.Effect{
			processmakertest.Refuse(), processmakertest.LoseAnswer(), processmakertest.Truncated(),
			processmakertest.ServerError(), processmakertest.HTMLPage(http.StatusBadGateway), processmakertest.HalfRefresh(),
		} {
			for _, endpoint := range []processmakertest.Endpoint{
				processmakertest.PasswordGrant, processmakertest.RefreshGrant, processmakertest.CreateToken,
				processmakertest.DeleteToken, processmakertest.ListTokens,
			} {
				useUnder(h, processmakertest.Fault{On: endpoint, Do: effect})
			}
		}
	})
	// Not require.Eventually, which counts itself.
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("goroutines that are left over:\n%s", stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// useUnder does a bit of everything while a fault waits to happen, and gives the
// engine time to get over it.
func useUnder(h *mounttest.Mount, fault processmakertest.Fault) {
	h.T.Helper()
	remove := h.Pm.Inject(fault)
	defer remove()
	for _, path := range []string{"creds/ci", "creds/login", "static-creds/ci"} {
		resp, err := h.Do(logical.ReadOperation, path, nil)
		if err != nil || resp.IsError() || resp.Secret == nil {
			continue
		}
		l := h.Register(path, resp)
		h.Clock.Advance(time.Minute)
		if resp, err := h.Backend.HandleRequest(context.Background(), l.RenewRequest(0)); err == nil && !resp.IsError() {
			l.Take(resp)
		}
		_ = l.TryRevoke()
	}
	h.Tick()
	h.Clock.Advance(time.Hour)
}

// TestNothingIsLeftRunning is not parallel: it counts what runs in the process.
func TestNothingIsLeftRunning(t *testing.T) {
	patience := time.Minute
	comesDown := func(what string, count func() int, to int) {
		t.Helper()
		for start := time.Now(); count() > to; {
			if time.Since(start) > patience {
				t.Fatalf("%d %s are left, there were %d", count(), what, to)
			}
			time.Sleep(time.Millisecond)
		}
	}
	outside := runtime.NumGoroutine()
	h := newReadyHarness(t, nil)
	// changeConfig makes a client that has no connection yet.
	changeConfig := func() {
		h.MustWrite("config", map[string]any{"verify_connection": false})
		comesDown("connections", h.Pm.OpenConnections, 0)
	}
	h.Issue(nil)
	require.Positive(t, h.Pm.OpenConnections(), "connections are kept for the next exchange")
	changeConfig()
	before := runtime.NumGoroutine()

	for _, kind := range []string{"access_token", "personal_access_token"} {
		h.MustWrite("roles/ci", map[string]any{"credential_type": kind})
		leases := load.IssueMany(h, 100)
		h.Clock.Advance(30 * time.Minute)
		for _, l := range leases {
			l.Renew()
		}
		for _, l := range leases[:50] {
			require.NoError(t, l.TryRevoke())
		}
		h.GoDown()
		h.Clock.Advance(20 * time.Minute)
		for _, l := range leases[50:] {
			_, _ = l.TryRenew(context.Background())
			_ = l.TryRevoke()
		}
		h.Clock.Advance(24 * time.Hour)
		h.Tick()
		require.NoError(t, h.Pm.GoOnline())
		h.Clock.Advance(time.Minute)
		h.Tick()
		require.Empty(t, h.RecordIDs())
	}
	require.Zero(t, h.Backend.Engine().LocksInUse(), "locks")
	changeConfig()
	comesDown("goroutines", runtime.NumGoroutine, before)

	h.Issue(nil)
	require.Positive(t, h.Pm.OpenConnections())
	h.Backend.Cleanup(context.Background())
	comesDown("connections", h.Pm.OpenConnections, 0)
	h.Pm.Close()
	comesDown("goroutines", runtime.NumGoroutine, outside)
}

// TestMountsShareWhatDescribesThem: a process of a hundred mounts held it a hundred times.
func TestMountsShareWhatDescribesThem(t *testing.T) {
	t.Parallel()
	one, other := newBackend(clock.System(), rand.Reader), newBackend(clock.System(), rand.Reader)
	for i, path := range one.Paths {
		again := other.Paths[i]
		require.Equal(t, path.Pattern, again.Pattern)
		require.Equal(t, reflect.ValueOf(path.Fields).Pointer(), reflect.ValueOf(again.Fields).Pointer(), path.Pattern)
		for operation, handler := range path.Operations {
			mine, theirs := handler.Properties().Responses, again.Operations[operation].Properties().Responses
			require.Equal(t, reflect.ValueOf(mine).Pointer(), reflect.ValueOf(theirs).Pointer(), "%s %s", operation, path.Pattern)
		}
	}
}
