package ledger

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

// FuzzStoredRecord reads anything as a record and as a cursor.
func FuzzStoredRecord(f *testing.F) {
	const id = ID("0s5f3g0000000000000000")
	f.Add([]byte(`{"version":1,"credential_id":"0s5f3g0000000000000000","state":"live","fingerprint":{"url":"https://bpm"},"deadline":"2026-03-01T00:00:00Z","token_expire_time":"2027-03-01T00:00:00Z"}`))
	f.Add([]byte(`{"version":1,"next":"0s5f3g","left":["0s5f3f"]}`))
	f.Add([]byte(`{"version":99}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, value []byte) {
		ctx, storage := context.Background(), &logical.InmemStorage{}
		require.NoError(t, storage.Put(ctx, &logical.StorageEntry{Key: id.key(), Value: value}))
		require.NoError(t, storage.Put(ctx, &logical.StorageEntry{Key: CursorKey, Value: value}))
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		l := newLedger(storage, now)
		record, err := l.Get(ctx, id)
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "record of credential "+string(id)), err)
		} else {
			require.True(t, record.Usable() && record.ID == id)
		}
		cursor, err := l.ReadCursor(ctx)
		require.NoError(t, err)
		cursor.Rewind(now)
		for _, bucket := range cursor.Buckets(now, 100) {
			require.True(t, bucketPattern.MatchString(bucket))
		}
	})
}
