package upkeep

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

func EventsOfALife(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.New(t, mount)
	h.MustWrite("config", h.ConfigData())
	h.MustWrite("roles/ci", h.RoleData(map[string]any{"ttl": "1h", "max_ttl": "2h"}))
	l := h.Issue(nil)
	h.Clock.Advance(30 * time.Minute)
	l.Renew()
	require.NoError(t, l.TryRevoke())
	require.NoError(t, l.TryRevoke(), "again: nothing happens")
	lost := h.Issue(nil)
	h.Clock.Advance(3 * time.Hour)
	h.Tick()
	_, err := h.Do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	_, err = h.Do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)

	require.Equal(t, []string{
		"processmaker/config-write", "processmaker/role-write",
		"processmaker/creds-create", "processmaker/creds-renew", "processmaker/creds-revoke",
		"processmaker/creds-create", "processmaker/ledger-end",
		"processmaker/role-delete", "processmaker/config-delete",
	}, h.EventKinds())
	for _, e := range h.SettledEvents() {
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
			require.Contains(t, []any{string(l.Id()), string(lost.Id())}, metadata["credential_id"])
		}
	}
}

func EventsOfSessionsAndSharedCredentials(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, map[string]any{"credential_type": "personal_access_token", "rotation_period": "1h"})
	h.Read("static-creds/ci")
	_, err := h.Do(logical.DeleteOperation, "sessions/ci", nil)
	require.NoError(t, err)
	events := h.SettledEvents()[2:]
	require.Len(t, events, 3)
	require.Equal(t, "processmaker/session-create", string(events[0].Type))
	require.Equal(t, "sessions/ci", events[0].Event.Metadata.AsMap()["path"])
	require.Equal(t, "processmaker/creds-create", string(events[1].Type))
	require.Equal(t, "static-creds/ci", events[1].Event.Metadata.AsMap()["path"])
	require.Equal(t, "processmaker/session-delete", string(events[2].Type))
}

// An extension changes nothing, and says so.
func EventsSayWhatWasChanged(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, map[string]any{"renew_mode": "extend"})
	l := h.Issue(nil)
	h.Clock.Advance(time.Minute)
	l.Renew()
	events := h.SettledEvents()
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

func setUpWith(h *mounttest.Mount, sender logical.EventSender) {
	h.T.Helper()
	h.SettledEvents()
	require.NoError(h.T, h.Backend.Setup(context.Background(), &logical.BackendConfig{
		StorageView: h.Storage, System: h.System, Logger: h.Backend.Logger(), EventsSender: sender, BackendUUID: h.Backend.Engine().Mount.ID,
	}))
}

func HostsWithoutEventsAreLeftAlone(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	{
		h := mounttest.NewReady(t, mount, nil)
		sender := &refusingSender{err: framework.ErrNoEvents}
		h.SettledEvents()
		setUpWith(h, sender)
		for range 20 {
			h.Issue(nil)
			h.SettledEvents()
		}
		require.LessOrEqual(t, sender.calls, 1)
		require.Zero(t, h.Counter("events_dropped"))
	}
}

// An edition without event notifications is not sent any: each would cost as
// much as storing a credential.
func EditionsWithoutEventsGetNone(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for version, metadata := range map[string]string{"1.21.1": "", "1.20.4": "+hotfix"} {
		h := mounttest.New(t, mount)
		h.System.PluginEnvironment = &logical.PluginEnvironment{VaultVersion: version, VaultVersionMetadata: metadata}
		h.MustWrite("config", h.ConfigData())
		h.MustWrite("roles/ci", h.RoleData(nil))
		h.Issue(nil)
		require.Empty(t, h.EventKinds())
		require.Equal(t, int64(1), h.Counter("creds_create"))
	}
	h := mounttest.New(t, mount)
	h.System.PluginEnvironment = &logical.PluginEnvironment{}
	h.MustWrite("config", h.ConfigData())
	require.Len(t, h.EventKinds(), 1, "one that does not say what it is")
}

// A host that is slow to take events does not slow readers down, and the queue
// does not grow without end.
func ASlowHostLosesEventsNotReaders(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, map[string]any{"renew_mode": "extend"})
	h.SettledEvents()
	sender := &refusingSender{hold: make(chan struct{})}
	setUpWith(h, sender)
	letGo := sync.OnceFunc(func() { close(sender.hold) })
	t.Cleanup(letGo)
	l := h.Issue(nil)
	for range 2*1024 + 10 {
		l.Renew()
	}
	require.NotZero(t, h.Counter("events_dropped"))
	letGo()
	h.SettledEvents()
	require.LessOrEqual(t, sender.calls, 2*1024)
}

func APanickingHostIsSurvived(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	h.SettledEvents()
	setUpWith(h, panickingSender{})
	h.Issue(nil)
	h.SettledEvents()
	h.Issue(nil)
}

type panickingSender struct{}

func (panickingSender) SendEvent(context.Context, logical.EventType, *logical.EventData) error {
	panic("host")
}
