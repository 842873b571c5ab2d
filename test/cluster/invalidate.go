package cluster

import (
	"context"
	"sync"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

// Another node's change may come at any moment of loading the entry. The moment
// that matters is short, so that this needs many tries to find it.
func WhatIsForgottenWhileItIsLoadedStaysForgotten(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	ctx := context.Background()
	storage := h.Storage.Storage
	stored, err := h.Reader().Roles.Get(ctx, "ci")
	require.NoError(t, err)
	for try := range 2000 {
		h.Backend.Engine().Roles.ForgetAll()
		var loading sync.WaitGroup
		loading.Go(func() {
			if _, err := h.Backend.Engine().Roles.Get(ctx, "ci"); err != nil {
				t.Error(err)
			}
		})
		stored.TTL = time.Duration(try+1) * time.Second
		entry, err := logical.StorageEntryJSON(role.Prefix+"ci", &stored.Role)
		require.NoError(t, err)
		require.NoError(t, storage.Put(ctx, entry))
		h.Backend.InvalidateKey(ctx, role.Prefix+"ci")
		loading.Wait()
		role, err := h.Backend.Engine().Roles.Get(ctx, "ci")
		require.NoError(t, err)
		require.Equal(t, stored.TTL, role.TTL)
	}
}
