package main

import (
	"context"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestURLStaysWhileCredentialsLive(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	other := newHarness(t)
	l := h.Issue(nil)
	move := map[string]any{"url": other.Pm.URL(), "client_secret": other.Pm.Client(3).Secret}
	h.RefusedWrite(logical.UpdateOperation, "config", move, "1 credentials")

	// Taking the config away and writing it anew is no way around.
	_, err := h.Do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	again := h.ConfigData()
	again["url"] = other.Pm.URL()
	h.RefusedWrite(logical.CreateOperation, "config", again, "1 credentials")

	require.NoError(t, l.TryRevoke())
	h.MustWrite("config", again)

	// The role was written for the old instance.
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "it was written for "+h.Pm.URL())
	h.RefusedWrite(logical.UpdateOperation, "roles/ci", map[string]any{"ttl": "5m"}, "give its password")
	require.Zero(t, other.Pm.Count(processmakertest.PasswordGrant))
	h.MustWrite("roles/ci", map[string]any{"password": other.Pm.User("alice").Password})
	h.Issue(nil)
	require.Len(t, other.Pm.LiveTokens(), 1)
}

func TestDeletingTheConfigErasesItsSecrets(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	secret := h.Pm.Client(3).Secret
	l := h.Issue(nil)
	resp, err := h.Do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	require.Contains(t, resp.Warnings[0], "vault write processmaker/tidy all=true")
	entry, err := h.Storage.Storage.Get(context.Background(), "config")
	require.NoError(t, err)
	require.NotContains(t, string(entry.Value), secret)
	h.Tick()
	h.Clock.Advance(time.Minute)
	require.NoError(t, l.TryRevoke(), "while credentials live, the way to them is kept")

	// What was kept goes with the last credential, within the hour.
	h.Clock.Advance(engine.UpkeepInterval)
	h.Tick()
	entry, err = h.Storage.Storage.Get(context.Background(), "config")
	require.NoError(t, err)
	require.Nil(t, entry)

	_, err = h.Do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err, "deleting what is not there is no error")
}

func TestDeletingTheConfigOfAQuietMountRemovesIt(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	resp, err := h.Do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	require.Nil(t, resp)
	entry, err := h.Storage.Storage.Get(context.Background(), "config")
	require.NoError(t, err)
	require.Nil(t, entry)
}
