package main

import (
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

// FuzzStored reads anything as each kind of entry: what comes of it is whole, or
// an error that names the entry and quotes nothing of it.
func FuzzStored(f *testing.F) {
	f.Add([]byte(`{"version":1,"url":"https://bpm","grant_type":"password","credential_type":"access_token","renew_mode":"refresh","ttl":1,"max_ttl":1}`))
	f.Add([]byte(`{"version":1,"record":{"credential_id":"0s5f3g0000000000000000"},"token_id":"a","access_token":"b"}`))
	f.Add([]byte(`{"version":1,"fingerprint":{"url":"https://bpm"},"token_id":"a","access_token":"b"}`))
	f.Add([]byte(`{"version":2,"password":"` + canary + `"}`))
	f.Add([]byte(`{"version":1,"password":["` + canary + `"]}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		ctx, storage := context.Background(), &logical.InmemStorage{}
		for _, key := range []string{configKey, rolePrefix + "ci", sessionPrefix + "ci", staticPrefix + "ci"} {
			require.NoError(t, storage.Put(ctx, &logical.StorageEntry{Key: key, Value: value}))
		}
		check := func(whole bool, err error) {
			if err == nil {
				require.True(t, whole)
				return
			}
			require.True(t, isUnreadable(err))
			require.True(t, strings.HasPrefix(err.Error(), "the stored "), err)
			require.NotContains(t, err.Error(), canary)
		}
		c, err := readConfig(ctx, storage)
		check(err == nil && c.whole(), err)
		r, err := readRole(ctx, storage, "ci")
		check(err == nil && r.whole(), err)
		s, err := readSession(ctx, storage, "ci")
		check(err == nil && s.whole(), err)
		shared, err := readStatic(ctx, storage, "ci")
		check(err == nil && shared.whole(), err)
		if c != nil {
			_, _ = c.forClient()
			require.NotContains(t, c.maskedProxyURL(), "\n")
		}
	})
}
