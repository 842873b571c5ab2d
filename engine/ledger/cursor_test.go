package ledger

import (
	"context"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestTheCursorPassesAMinuteOnceItIsSettled(t *testing.T) {
	t.Parallel()
	cursor, err := newLedger(&logical.InmemStorage{}, noon).ReadCursor(context.Background())
	require.NoError(t, err)
	require.True(t, cursor.CaughtUp(noon))
	buckets := cursor.Buckets(noon, 100)
	require.Len(t, buckets, 6, "the minutes that may still get records, and this one")
	for _, bucket := range buckets {
		cursor.Done(bucket, noon, false)
	}
	require.Equal(t, buckets, cursor.Buckets(noon, 100), "they are looked at again")

	later := noon.Add(time.Minute)
	require.False(t, cursor.CaughtUp(later))
	for _, bucket := range cursor.Buckets(later, 100) {
		cursor.Done(bucket, later, true)
	}
	require.True(t, cursor.CaughtUp(later))
	require.Equal(t, buckets[:1], cursor.Left, "a settled minute with leftovers is kept aside")
	require.Equal(t, buckets[0], cursor.Buckets(later, 100)[0])
	cursor.Done(buckets[0], later, false)
	require.Empty(t, cursor.Left)
}

func TestTheCursorTakesABoundedNumberOfMinutes(t *testing.T) {
	t.Parallel()
	cursor := &Cursor{Next: Bucket(noon.Add(-24 * time.Hour)), Left: []string{"000001"}}
	require.Len(t, cursor.Buckets(noon, 100), 101)
	rounds := 0
	for !cursor.CaughtUp(noon) {
		for _, bucket := range cursor.Buckets(noon, 100) {
			cursor.Done(bucket, noon, false)
		}
		rounds++
	}
	require.Equal(t, 15, rounds)
}

func TestTheStoredCursorComesBack(t *testing.T) {
	t.Parallel()
	ctx, storage := context.Background(), &logical.InmemStorage{}
	cursor := &Cursor{Version: CursorVersion, Next: Bucket(noon), Left: []string{Bucket(noon.Add(-time.Hour))}}
	require.NoError(t, newLedger(storage, noon).PutCursor(ctx, cursor))
	read, err := newLedger(storage, noon.Add(time.Hour)).ReadCursor(ctx)
	require.NoError(t, err)
	require.Equal(t, cursor, read)
	require.Equal(t, time.Hour, cursor.AheadOf(&Cursor{Next: Bucket(noon.Add(-time.Hour))}))
	cursor.Rewind(noon)
	require.Equal(t, Bucket(noon.Add(-settledAfter)), cursor.Next)
}
