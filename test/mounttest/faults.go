package mounttest

import (
	"context"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

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

// GoDown makes every dial fail. A connection that is lost in the very moment it
// is used would be another case: nobody knows what arrived.
func (h *Mount) GoDown() {
	h.Pm.GoOffline()
	h.Backend.Engine().Instances.Close()
}

func (h *Mount) List(path string) []string {
	h.T.Helper()
	resp, err := h.Do(logical.ListOperation, path, nil)
	require.NoError(h.T, err)
	return resp.Data["keys"].([]string)
}

func (h *Mount) Counter(name string) int64 {
	h.T.Helper()
	return h.Read("status")["counters"].(map[string]any)[name].(int64)
}

func Inject(on processmakertest.Endpoint, effect processmakertest.Effect) func(*Mount) {
	return func(h *Mount) { h.Pm.Inject(processmakertest.Fault{On: on, Do: effect}) }
}

func JsonHeader() map[string][]string {
	return map[string][]string{"Content-Type": {"application/json"}}
}
