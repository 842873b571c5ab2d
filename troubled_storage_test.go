package main

import (
	"context"
	"sync"

	"github.com/hashicorp/vault/sdk/logical"
)

// troubledStorage goes wrong at one operation.
type troubledStorage struct {
	logical.Storage
	mu sync.Mutex
	// at is the operation that goes wrong, counted from 1.
	at, count int
	// effective: it is done all the same, and only its answer is lost.
	effective bool
	// onwards: so does every one after it.
	onwards bool
	then    func()
}

func (s *troubledStorage) goesWrong() (wrong, effective bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if s.count != s.at && (!s.onwards || s.count < s.at) {
		return false, true
	}
	if s.count == s.at && s.then != nil {
		s.then()
	}
	return true, s.effective && s.count == s.at
}

func (s *troubledStorage) do(operation func() error) error {
	wrong, effective := s.goesWrong()
	if effective {
		if err := operation(); err != nil {
			return err
		}
	}
	if wrong {
		return errDiskFull
	}
	return nil
}

func (s *troubledStorage) Get(ctx context.Context, key string) (entry *logical.StorageEntry, err error) {
	err = s.do(func() error { entry, err = s.Storage.Get(ctx, key); return err })
	return entry, err
}

func (s *troubledStorage) Put(ctx context.Context, entry *logical.StorageEntry) error {
	return s.do(func() error { return s.Storage.Put(ctx, entry) })
}

func (s *troubledStorage) Delete(ctx context.Context, key string) error {
	return s.do(func() error { return s.Storage.Delete(ctx, key) })
}

func (s *troubledStorage) List(ctx context.Context, prefix string) (keys []string, err error) {
	err = s.do(func() error { keys, err = s.Storage.List(ctx, prefix); return err })
	return keys, err
}
