package main

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

func TestEventsOfALife(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.mustWrite("config", h.configData())
	h.mustWrite("roles/ci", h.roleData(map[string]any{"ttl": "1h", "max_ttl": "2h"}))
	l := h.issue(nil)
	h.clock.Advance(30 * time.Minute)
	l.renew()
	require.NoError(t, l.tryRevoke())
	require.NoError(t, l.tryRevoke(), "again: nothing happens")
	lost := h.issue(nil)
	h.clock.Advance(3 * time.Hour)
	h.tick()
	_, err := h.do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	_, err = h.do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)

	require.Equal(t, []string{
		"processmaker/config-write", "processmaker/role-write",
		"processmaker/creds-create", "processmaker/creds-renew", "processmaker/creds-revoke",
		"processmaker/creds-create", "processmaker/ledger-end",
		"processmaker/role-delete", "processmaker/config-delete",
	}, h.eventKinds())
	for _, e := range h.settledEvents() {
		metadata := e.Event.Metadata.AsMap()
		kind := strings.TrimPrefix(string(e.Type), "processmaker/")
		require.Equal(t, kind, metadata["operation"])
		require.Equal(t, "true", metadata["modified"])
		require.NotEmpty(t, e.Event.Id)
		switch {
		case strings.HasPrefix(kind, "config"):
			require.Equal(t, "config", metadata["path"])
		case strings.HasPrefix(kind, "role"):
			require.Equal(t, "roles/ci", metadata["path"])
			require.Equal(t, "ci", metadata["role"])
		default:
			require.Equal(t, "creds/ci", metadata["path"])
			require.Equal(t, "ci", metadata["role"])
			require.Contains(t, []any{string(l.id()), string(lost.id())}, metadata["credential_id"])
		}
	}
}

func TestEventsOfSessionsAndSharedCredentials(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"credential_type": "personal_access_token", "rotation_period": "1h"})
	h.read("static-creds/ci")
	_, err := h.do(logical.DeleteOperation, "sessions/ci", nil)
	require.NoError(t, err)
	events := h.settledEvents()[2:]
	require.Len(t, events, 3)
	require.Equal(t, "processmaker/session-create", string(events[0].Type))
	require.Equal(t, "sessions/ci", events[0].Event.Metadata.AsMap()["path"])
	require.Equal(t, "processmaker/creds-create", string(events[1].Type))
	require.Equal(t, "static-creds/ci", events[1].Event.Metadata.AsMap()["path"])
	require.Equal(t, "processmaker/session-delete", string(events[2].Type))
}

// An extension changes nothing, and says so.
func TestEventsSayWhatWasChanged(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"renew_mode": "extend"})
	l := h.issue(nil)
	h.clock.Advance(time.Minute)
	l.renew()
	events := h.settledEvents()
	last := events[len(events)-1]
	require.Equal(t, "processmaker/creds-renew", string(last.Type))
	require.Equal(t, "false", last.Event.Metadata.AsMap()["modified"])
}

// refusingSender is a host with events of its own mind.
type refusingSender struct {
	err   error
	calls int
	hold  chan struct{}
}

func (s *refusingSender) SendEvent(context.Context, logical.EventType, *logical.EventData) error {
	s.calls++
	if s.hold != nil {
		<-s.hold
	}
	return s.err
}

func setUpWith(h *harness, sender logical.EventSender) {
	h.t.Helper()
	h.settledEvents()
	require.NoError(h.t, h.backend.Setup(context.Background(), &logical.BackendConfig{
		StorageView: h.storage, System: h.system, Logger: h.backend.Logger(), EventsSender: sender, BackendUUID: h.backend.Engine().Mount.ID,
	}))
}

func TestHostsWithoutEventsAreLeftAlone(t *testing.T) {
	t.Parallel()
	{
		h := newReadyHarness(t, nil)
		sender := &refusingSender{err: framework.ErrNoEvents}
		h.settledEvents()
		setUpWith(h, sender)
		for range 20 {
			h.issue(nil)
			h.settledEvents()
		}
		require.LessOrEqual(t, sender.calls, 1)
		require.Zero(t, h.counter("events_dropped"))
	}
}

// An edition without event notifications is not sent any: each would cost as
// much as storing a credential.
func TestEditionsWithoutEventsGetNone(t *testing.T) {
	t.Parallel()
	for version, metadata := range map[string]string{"1.21.1": "", "1.20.4": "+hotfix"} {
		h := newHarness(t)
		h.system.PluginEnvironment = &logical.PluginEnvironment{VaultVersion: version, VaultVersionMetadata: metadata}
		h.mustWrite("config", h.configData())
		h.mustWrite("roles/ci", h.roleData(nil))
		h.issue(nil)
		require.Empty(t, h.eventKinds())
		require.Equal(t, int64(1), h.counter("creds_create"))
	}
	h := newHarness(t)
	h.system.PluginEnvironment = &logical.PluginEnvironment{}
	h.mustWrite("config", h.configData())
	require.Len(t, h.eventKinds(), 1, "one that does not say what it is")
}

// A host that is slow to take events does not slow readers down, and the queue
// does not grow without end.
func TestASlowHostLosesEventsNotReaders(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"renew_mode": "extend"})
	h.settledEvents()
	sender := &refusingSender{hold: make(chan struct{})}
	setUpWith(h, sender)
	letGo := sync.OnceFunc(func() { close(sender.hold) })
	t.Cleanup(letGo)
	l := h.issue(nil)
	for range 2*1024 + 10 {
		l.renew()
	}
	require.NotZero(t, h.counter("events_dropped"))
	letGo()
	h.settledEvents()
	require.LessOrEqual(t, sender.calls, 2*1024)
}

func TestAPanickingHostIsSurvived(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.settledEvents()
	setUpWith(h, panickingSender{})
	h.issue(nil)
	h.settledEvents()
	h.issue(nil)
}

type panickingSender struct{}

func (panickingSender) SendEvent(context.Context, logical.EventType, *logical.EventData) error {
	panic("host")
}
