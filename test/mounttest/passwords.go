package mounttest

import (
	"context"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/role"
)

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

// RequireSettled requires that nothing of a rotation is left over.
func (h *Mount) RequireSettled() {
	h.T.Helper()
	require.Empty(h.T, h.OpenChanges())
	require.ElementsMatch(h.T, h.RecordedIDs(), h.LiveIDs(), "live tokens are those that the ledger knows")
	require.Zero(h.T, h.Backend.Engine().LocksInUse())
}
