package main

import (
	"context"
	"crypto/rand"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/internal/clock"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

// mostAllocations pins what each request of the hot handlers allocates. It was
// measured with Go 1.26 and has a tenth of room: net/http, encoding/json and the
// SDK allocate a little differently from release to release. Whoever needs more
// than that shows what it is for by changing the number.
var mostAllocations = map[string]float64{
	"issue of a login":                277,
	"issue of a PAT":                  233,
	"renewal, refresh":                315,
	"renewal, extend":                 110,
	"issue and revocation of a login": 530,
	"issue and revocation of a PAT":   387,
	"static read":                     43,
}

// It is not parallel, because allocations are counted for the whole process.
func TestAllocationsOfTheHotHandlers(t *testing.T) {
	if mounttest.RaceDetector {
		t.Skip("the race detector allocates too")
	}
	for _, handler := range hotHandlers {
		work := handler.ready(newHotMount(t, mounttest.NewForgetful()))
		work()
		most, pinned := mostAllocations[handler.name]
		assert.True(t, pinned, "%s is not pinned", handler.name)
		assert.LessOrEqual(t, testing.AllocsPerRun(200, work), most, handler.name)
	}
}

// hotMount is a mount whose requests cost what they cost in production, but for
// Vault and the network between.
type hotMount struct {
	t       testing.TB
	backend *backend
	storage logical.Storage
}

func newHotMount(t testing.TB, storage logical.Storage) *hotMount {
	t.Helper()
	upstream := mounttest.NewCheapUpstream(t)
	m := &hotMount{t: t, backend: newBackend(clock.System(), rand.Reader), storage: storage}
	require.NoError(t, m.backend.Setup(context.Background(), &logical.BackendConfig{
		StorageView: storage,
		System:      &logical.StaticSystemView{DefaultLeaseTTLVal: time.Hour, MaxLeaseTTLVal: 768 * time.Hour},
		Logger:      hclog.NewNullLogger(),
		BackendUUID: "5f0d43c3-7a3c-6a1e-0d3f-5c2a8a4e1b11",
	}))
	t.Cleanup(func() { m.backend.Cleanup(context.Background()) })
	m.must(logical.UpdateOperation, "config", map[string]any{
		"url": upstream.Url, "client_id": "3", "client_secret": "secret", "token_requests_per_minute": 0, "verify_connection": false,
	})
	for name, more := range map[string]string{
		"refresh": "renew_mode", "extend": "renew_mode", "personal_access_token": "credential_type", "1h": "rotation_period",
	} {
		m.must(logical.CreateOperation, "roles/"+name, map[string]any{"username": "alice", "password": "secret", more: name})
	}
	return m
}

func (m *hotMount) must(operation logical.Operation, path string, data map[string]any) *logical.Response {
	resp, err := m.backend.HandleRequest(context.Background(), &logical.Request{
		Operation: operation, Path: path, Data: data, Storage: m.storage, MountPoint: "processmaker/",
		EntityID: "5f0d43c3-7a3c-6a1e-0d3f-5c2a8a4e1b12", DisplayName: "approle-ci",
	})
	if err != nil || resp.IsError() {
		m.t.Fatal(err, resp)
	}
	return resp
}

// issue issues and takes the time of the lease back, so that a renewal grows it.
func (m *hotMount) issue(role string) *logical.Response {
	resp := m.must(logical.ReadOperation, "creds/"+role, nil)
	resp.Secret.IssueTime = time.Now()
	resp.Secret.InternalData[internalLeaseEnd] = time.Now().UTC().Format(time.RFC3339Nano)
	return resp
}

func (m *hotMount) lease(operation logical.Operation, resp *logical.Response) {
	request := &logical.Request{
		Operation: operation, Path: "creds/any", Data: resp.Data, Secret: resp.Secret, Storage: m.storage, MountPoint: "processmaker/",
	}
	if answer, err := m.backend.HandleRequest(context.Background(), request); err != nil || answer.IsError() {
		m.t.Fatal(err, answer)
	}
}

// hotHandlers are what a mount does all day. Each is made ready, and returns
// what is measured.
var hotHandlers = []struct {
	name  string
	ready func(m *hotMount) (work func())
}{
	{"issue of a login", func(m *hotMount) func() {
		return func() { m.must(logical.ReadOperation, "creds/refresh", nil) }
	}},
	{"issue of a PAT", func(m *hotMount) func() {
		return func() { m.must(logical.ReadOperation, "creds/personal_access_token", nil) }
	}},
	{"renewal, refresh", func(m *hotMount) func() {
		lease := m.issue("refresh")
		return func() { m.lease(logical.RenewOperation, lease) }
	}},
	{"renewal, extend", func(m *hotMount) func() {
		lease := m.issue("extend")
		return func() { m.lease(logical.RenewOperation, lease) }
	}},
	{"issue and revocation of a login", func(m *hotMount) func() {
		return func() { m.lease(logical.RevokeOperation, m.issue("extend")) }
	}},
	{"issue and revocation of a PAT", func(m *hotMount) func() {
		return func() { m.lease(logical.RevokeOperation, m.issue("personal_access_token")) }
	}},
	{"static read", func(m *hotMount) func() {
		return func() { m.must(logical.ReadOperation, "static-creds/1h", nil) }
	}},
}

func BenchmarkHandlers(b *testing.B) {
	for _, handler := range hotHandlers {
		b.Run(handler.name, func(b *testing.B) {
			work := handler.ready(newHotMount(b, mounttest.NewForgetful()))
			work()
			b.ReportAllocs()
			for b.Loop() {
				work()
			}
		})
	}
}

// BenchmarkScrape tells what Prometheus costs a mount with many roles, each in use.
func BenchmarkScrape(b *testing.B) {
	m := newHotMount(b, mounttest.NewForgetful())
	for i := range 1000 {
		m.backend.engine.Report.Health.Of("role-" + strconv.Itoa(i)).Issued(time.Now())
	}
	b.ReportAllocs()
	for b.Loop() {
		m.must(logical.ReadOperation, "metrics", map[string]any{"format": "prometheus"})
	}
}

// leasesInMemory are the numbers of live leases that the heap is measured with.
var leasesInMemory = []int{0, 10_000, 100_000}

// BenchmarkHeap tells how much a mount keeps in memory for its live leases.
func BenchmarkHeap(b *testing.B) {
	for _, leases := range leasesInMemory {
		b.Run(strconv.Itoa(leases), func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(float64(heapWith(b, leases))/1024, "heap-KiB")
			}
		})
	}
}

// heapWith is the live heap after that many leases were issued. The storage
// keeps none of the records, as they are Vault's to keep.
func heapWith(t testing.TB, leases int) uint64 {
	m := newHotMount(t, mounttest.NewForgetful())
	m.must(logical.ReadOperation, "creds/extend", nil)
	for range leases {
		m.must(logical.ReadOperation, "creds/extend", nil)
	}
	// Once more for what finalizers and pools let go in the first.
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	runtime.KeepAlive(m)
	return stats.HeapAlloc
}

// TestTheHeapDoesNotGrowWithLiveLeases: what is remembered of each lease would
// end a mount that has many. The smallest thing that knows an id, an entry of a
// map, would show here twice over.
func TestTheHeapDoesNotGrowWithLiveLeases(t *testing.T) {
	const leases = 4000
	none := heapWith(t, 0)
	many := heapWith(t, leases)
	require.Less(t, float64(many), 1.1*float64(none), "bytes with %d leases, against %d with none", leases, none)
}
