package mounttest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/vault/sdk/logical"
)

// WatchedStorage counts operations and fails on demand.
type WatchedStorage struct {
	logical.Storage
	gets, Puts, deletes, lists atomic.Int64

	mu      sync.Mutex
	failGet func(key string) bool
	failPut func(key string) bool
	failDel bool
	Keys    []string
	onPut   func(key string)
	gate    func() error
}

var (
	ErrDiskFull = errors.New("disk full")
	// errRelative is what Vault's own storage answers.
	errRelative = errors.New("relative paths not supported")
)

func (s *WatchedStorage) Reset() {
	s.gets.Store(0)
	s.Puts.Store(0)
	s.deletes.Store(0)
	s.lists.Store(0)
}

func (s *WatchedStorage) Counts() [4]int64 {
	return [4]int64{s.gets.Load(), s.Puts.Load(), s.deletes.Load(), s.lists.Load()}
}

func (s *WatchedStorage) FailPuts(match func(key string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failPut = match
}

func (s *WatchedStorage) FailGets(match func(key string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failGet = match
}

func (s *WatchedStorage) FailDeletes(fail bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failDel = fail
}

func (s *WatchedStorage) BeforePut(call func(key string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onPut = call
}

// BeforeAny has a word before every operation, which fails with its error.
func (s *WatchedStorage) BeforeAny(gate func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = gate
}

func (s *WatchedStorage) pass(key string) error {
	if strings.Contains(key, "..") {
		return errRelative
	}
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate == nil {
		return nil
	}
	return gate()
}

func (s *WatchedStorage) Get(ctx context.Context, key string) (*logical.StorageEntry, error) {
	s.gets.Add(1)
	if err := s.pass(key); err != nil {
		return nil, err
	}
	s.mu.Lock()
	fails := s.failGet != nil && s.failGet(key)
	s.mu.Unlock()
	if fails {
		return nil, ErrDiskFull
	}
	return s.Storage.Get(ctx, key)
}

func (s *WatchedStorage) Put(ctx context.Context, entry *logical.StorageEntry) error {
	s.Puts.Add(1)
	if err := s.pass(entry.Key); err != nil {
		return err
	}
	s.mu.Lock()
	fails := s.failPut != nil && s.failPut(entry.Key)
	s.Keys = append(s.Keys, entry.Key)
	onPut := s.onPut
	s.mu.Unlock()
	if onPut != nil {
		onPut(entry.Key)
	}
	if fails {
		return ErrDiskFull
	}
	return s.Storage.Put(ctx, entry)
}

func (s *WatchedStorage) Delete(ctx context.Context, key string) error {
	s.deletes.Add(1)
	if err := s.pass(key); err != nil {
		return err
	}
	s.mu.Lock()
	fails := s.failDel
	s.mu.Unlock()
	if fails {
		return ErrDiskFull
	}
	return s.Storage.Delete(ctx, key)
}

func (s *WatchedStorage) List(ctx context.Context, prefix string) ([]string, error) {
	s.lists.Add(1)
	if err := s.pass(prefix); err != nil {
		return nil, err
	}
	return s.Storage.List(ctx, prefix)
}

func AnyKey(string) bool { return true }

// countingReader gives different bytes each time, and the same in every run.
type countingReader struct {
	mu sync.Mutex
	n  byte
	m  byte
}

func (r *countingReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n++; r.n == 0 {
		r.m++
	}
	clear(p)
	p[0] = r.m
	p[len(p)-1] = r.n
	return len(p), nil
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
