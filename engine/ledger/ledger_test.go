package ledger

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/internal/clock/clocktest"
)

func newLedger(storage logical.Storage, now time.Time) *Ledger {
	return New(storage, clocktest.New(now), rand.Reader, "5f0d43c3")
}

func TestIDsSortByDeadline(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)
	var ids []string
	for i := range 2000 {
		id, err := NewID(start.Add(time.Duration(i)*17*time.Hour), bytes.NewReader(bytes.Repeat([]byte{byte(255 - i%256)}, 10)))
		require.NoError(t, err)
		parsed, err := ParseID(string(id))
		require.NoError(t, err)
		require.Equal(t, id, parsed)
		ids = append(ids, string(id))
	}
	require.True(t, sort.StringsAreSorted(ids))
}

func TestBucketIsTheMinute(t *testing.T) {
	t.Parallel()
	minute := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	require.Equal(t, Bucket(minute), Bucket(minute.Add(59*time.Second+999*time.Millisecond)))
	require.Less(t, Bucket(minute.Add(-time.Nanosecond)), Bucket(minute))
	require.Len(t, Bucket(time.Unix(-5, 0)), minuteDigits)
	require.Less(t, Bucket(time.Date(2033, 1, 1, 0, 0, 0, 0, time.UTC)), Bucket(time.Date(2035, 1, 1, 0, 0, 0, 0, time.UTC)))
}

func TestNewIDWithoutRandomness(t *testing.T) {
	t.Parallel()
	_, err := NewID(time.Now(), bytes.NewReader(nil))
	require.ErrorContains(t, err, "no randomness")
}

func TestParseIDRefusesWhatCouldLeaveTheLedger(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "../config", "abc", strings.Repeat("0", 21), strings.Repeat("0", 23), strings.Repeat("Z", 22), "000000/000000000000000"} {
		_, err := ParseID(text)
		require.Error(t, err, text)
	}
}

func TestRecordsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	ctx, storage := context.Background(), &logical.InmemStorage{}
	l := newLedger(storage, time.Unix(0, 0))
	deadline := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	id, err := NewID(deadline, bytes.NewReader(make([]byte, 10)))
	require.NoError(t, err)
	record := &Record{Version: RecordVersion, ID: id, State: Live, Role: "ci", Fingerprint: Fingerprint{URL: "https://bpm"}, Deadline: deadline, Held: Held{TokenExpireTime: deadline}, TTL: time.Hour, AccessToken: "a", RefreshToken: "r"}
	require.NoError(t, l.Put(record))

	keys, err := logical.CollectKeys(ctx, storage)
	require.NoError(t, err)
	require.Equal(t, []string{"ledger/" + Bucket(deadline) + "/" + string(id[6:])}, keys)

	read, err := l.Get(ctx, id)
	require.NoError(t, err)
	require.Equal(t, record, read)

	all, err := l.All(ctx)
	require.NoError(t, err)
	require.Equal(t, []ID{id}, all)
	listed, err := l.List(ctx, Bucket(deadline))
	require.NoError(t, err)
	require.Equal(t, []ID{id}, listed)
	empty, err := l.Empty(ctx)
	require.NoError(t, err)
	require.False(t, empty)

	require.NoError(t, l.Drop(ctx, id))
	require.NoError(t, l.Drop(ctx, id))
	read, err = l.Get(ctx, id)
	require.NoError(t, err)
	require.Nil(t, read)
}

func TestGetSaysWhatItCannotRead(t *testing.T) {
	t.Parallel()
	ctx, storage := context.Background(), &logical.InmemStorage{}
	l := newLedger(storage, time.Unix(0, 0))
	id, err := NewID(time.Unix(0, 0), bytes.NewReader(make([]byte, 10)))
	require.NoError(t, err)

	require.NoError(t, storage.Put(ctx, &logical.StorageEntry{Key: id.key(), Value: []byte(`{"access_token": SECRET}`)}))
	_, err = l.Get(ctx, id)
	require.ErrorContains(t, err, "cannot be read")
	require.NotContains(t, err.Error(), "SECRET")

	require.NoError(t, l.Put(&Record{Version: RecordVersion + 1, ID: id}))
	_, err = l.Get(ctx, id)
	require.ErrorContains(t, err, "newer release")
}

func TestStorageErrorsKeepTheirText(t *testing.T) {
	t.Parallel()
	storage := &logical.InmemStorage{}
	storage.Underlying().FailPut(true)
	err := newLedger(storage, time.Unix(0, 0)).Put(&Record{ID: ID(strings.Repeat("0", 22))})
	require.Error(t, err)
	require.False(t, errors.Is(err, logical.ErrReadOnly))
}
