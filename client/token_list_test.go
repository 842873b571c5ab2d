package client_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/clock"
)

// listing is a client of a server whose every answer is a list: head, then body
// as often as it takes to make size bytes, then tail.
func listing(t *testing.T, size int, head, body, tail string) *client.Client {
	t.Helper()
	chunk := strings.Repeat(body, max(1, min(size, 64<<10)/max(len(body), 1)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, err := io.WriteString(w, head)
		for sent := 0; sent < size && err == nil; sent += len(chunk) {
			_, err = io.WriteString(w, chunk)
		}
		_, _ = io.WriteString(w, tail)
	}))
	t.Cleanup(server.Close)
	c, err := client.New(configFor(t, server.URL), clock.System())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

var anyBearer = client.Token{Value: "v", ID: "a", UserID: "2"}

// It is not parallel, because allocations are counted for the whole process.
func TestABadListCostsNoMemory(t *testing.T) {
	const size = 60 << 20
	for name, list := range map[string]struct{ head, body, tail string }{
		"of nothing":      {`{"data":[`, `{},`, `{}],"meta":{"total":0}}`},
		"of one item":     {`{"data":[{"id":"a","name":"`, `x`, `"}],"meta":{"total":1}}`},
		"of one key":      {`{"`, `x`, `":0}`},
		"of another part": {`{"links":[`, `0,`, `0],"data":[],"meta":{"total":0}}`},
		"of blanks":       {`{"data":[`, ` `, `],"meta":{"total":0}}`},
		"of brackets":     {`{"data":`, `[`, ``},
		"of no list":      {`"`, `x`, `"`},
	} {
		t.Run(name, func(t *testing.T) {
			c := listing(t, size, list.head, list.body, list.tail)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := listed(c, anyBearer)
			runtime.ReadMemStats(&after)
			require.Equal(t, client.NotProcessMaker, client.KindOf(err), "%v", err)
			// All that was allocated, whether or not it is still in use.
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
		})
	}
}

// It is not parallel either.
func TestALongListIsNotHeld(t *testing.T) {
	const size = 60 << 20
	token := `{"id":"a","client":"` + strings.Repeat("c", 500) + `","name":"` + strings.Repeat("n", 3000) + `"},`
	c := listing(t, size, `{"data":[`, token, token[:len(token)-1]+`],"meta":{"total":2}}`)
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before, most, tokens := heap(), uint64(0), 0
	require.NoError(t, c.PersonalTokens(context.Background(), anyBearer, "2", func(client.NamedToken) {
		if tokens++; tokens%2000 == 0 {
			most = max(most, heap())
		}
	}))
	require.Greater(t, tokens, 15_000)
	require.Less(t, most, before+8<<20)
}

func TestAListIsBoundedInItemsAndBytes(t *testing.T) {
	t.Parallel()
	short := `{"id":"a","name":""},`
	_, err := listed(listing(t, 50_000*len(short), `{"data":[`, short, short[:len(short)-1]+`],"meta":{"total":7}}`), anyBearer)
	require.ErrorContains(t, err, "too many live personal access tokens")
	long := `{"id":"a","name":"` + strings.Repeat("n", 15<<10) + `"},`
	_, err = listed(listing(t, 65<<20, `{"data":[`, long, ``), anyBearer)
	require.ErrorContains(t, err, "larger than 64 MiB")
}

func TestWhatAListSaysOfATokenWithoutAName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{`null`, `""`} {
		list := `{"data":[{"id":"a","name":` + name + `,"created_at":"2026-03-01T12:00:01.000000Z"},{"id":"b","name":"n"},{"id":"c","name":"n"}],"meta":{"total":3}}`
		tokens, err := listed(listing(t, 0, list, "", ""), anyBearer)
		require.NoError(t, err)
		require.Equal(t, []client.NamedToken{{ID: "a", CreatedTime: noon.Add(time.Second)}, {ID: "b", Name: "n"}, {ID: "c", Name: "n"}}, tokens)
	}
}

func TestAListThatBreaksOffIsNotAList(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"data":[{"id":"a","name":"n"}],"meta":{"total":1}}`)
	}))
	defer server.Close()
	c, err := client.New(configFor(t, server.URL), clock.System())
	require.NoError(t, err)
	_, err = listed(c, anyBearer)
	require.Equal(t, client.Unavailable, client.KindOf(err))
	require.ErrorContains(t, err, "the answer broke off")
}
