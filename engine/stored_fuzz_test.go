package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/engine/credential"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/session"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

// FuzzStored reads anything as each kind of entry: what comes of it is whole, or
// an error that names the entry and quotes nothing of it.
func FuzzStored(f *testing.F) {
	f.Add([]byte(`{"version":1,"url":"https://bpm","grant_type":"password","credential_type":"access_token","renew_mode":"refresh","ttl":1,"max_ttl":1}`))
	f.Add([]byte(`{"version":1,"record":{"credential_id":"0s5f3g0000000000000000"},"token_id":"a","access_token":"b"}`))
	f.Add([]byte(`{"version":1,"fingerprint":{"url":"https://bpm"},"token_id":"a","access_token":"b"}`))
	f.Add([]byte(`{"version":2,"password":"` + mounttest.Canary + `"}`))
	f.Add([]byte(`{"version":1,"password":["` + mounttest.Canary + `"]}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		ctx, storage := context.Background(), &logical.InmemStorage{}
		for _, key := range []string{instance.Key, role.Prefix + "ci", session.Prefix + "ci", credential.Prefix + "ci"} {
			require.NoError(t, storage.Put(ctx, &logical.StorageEntry{Key: key, Value: value}))
		}
		check := func(whole bool, err error) {
			if err == nil {
				require.True(t, whole)
				return
			}
			require.True(t, store.IsUnreadable(err))
			require.True(t, strings.HasPrefix(err.Error(), "the stored "), err)
			require.NotContains(t, err.Error(), mounttest.Canary)
		}
		c, err := store.Get[instance.Config](ctx, storage, instance.ConfigName)
		check(err == nil && c.Usable(), err)
		r, err := store.Get[role.Role](ctx, storage, role.NameOf("ci"))
		check(err == nil && r.Usable(), err)
		s, err := store.Get[session.Session](ctx, storage, session.NameOf("ci"))
		check(err == nil && s.Usable(), err)
		shared, err := store.Get[credential.Shared](ctx, storage, credential.NameOf("ci"))
		check(err == nil && shared.Usable(), err)
		if c != nil {
			_ = c.Validate()
			require.NotContains(t, c.MaskedProxyURL(), "\n")
		}
	})
}
