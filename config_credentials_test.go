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
	l := h.issue(nil)
	move := map[string]any{"url": other.pm.URL(), "client_secret": other.pm.Client(3).Secret}
	h.refusedWrite(logical.UpdateOperation, "config", move, "1 credentials")

	// Taking the config away and writing it anew is no way around.
	_, err := h.do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	again := h.configData()
	again["url"] = other.pm.URL()
	h.refusedWrite(logical.CreateOperation, "config", again, "1 credentials")

	require.NoError(t, l.tryRevoke())
	h.mustWrite("config", again)

	// The role was written for the old instance.
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "it was written for "+h.pm.URL())
	h.refusedWrite(logical.UpdateOperation, "roles/ci", map[string]any{"ttl": "5m"}, "give its password")
	require.Zero(t, other.pm.Count(processmakertest.PasswordGrant))
	h.mustWrite("roles/ci", map[string]any{"password": other.pm.User("alice").Password})
	h.issue(nil)
	require.Len(t, other.pm.LiveTokens(), 1)
}

func TestDeletingTheConfigErasesItsSecrets(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	secret := h.pm.Client(3).Secret
	l := h.issue(nil)
	resp, err := h.do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	require.Contains(t, resp.Warnings[0], "vault write processmaker/tidy all=true")
	entry, err := h.storage.Storage.Get(context.Background(), "config")
	require.NoError(t, err)
	require.NotContains(t, string(entry.Value), secret)
	h.tick()
	h.clock.Advance(time.Minute)
	require.NoError(t, l.tryRevoke(), "while credentials live, the way to them is kept")

	// What was kept goes with the last credential, within the hour.
	h.clock.Advance(engine.UpkeepInterval)
	h.tick()
	entry, err = h.storage.Storage.Get(context.Background(), "config")
	require.NoError(t, err)
	require.Nil(t, entry)

	_, err = h.do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err, "deleting what is not there is no error")
}

func TestDeletingTheConfigOfAQuietMountRemovesIt(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	resp, err := h.do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	require.Nil(t, resp)
	entry, err := h.storage.Storage.Get(context.Background(), "config")
	require.NoError(t, err)
	require.Nil(t, entry)
}
