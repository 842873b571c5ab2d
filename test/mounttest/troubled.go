package mounttest

import (
	"context"
	"sync"

	"github.com/hashicorp/vault/sdk/logical"
)

// TroubledStorage goes wrong at one operation.
type TroubledStorage struct {
	logical.Storage
	mu sync.Mutex
	// at is the operation that goes wrong, counted from 1.
	At, Count int
	// effective: it is done all the same, and only its answer is lost.
	Effective bool
	// onwards: so does every one after it.
	Onwards bool
	Then    func()
}

func (s *TroubledStorage) goesWrong() (wrong, effective bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Count++
	if s.Count != s.At && (!s.Onwards || s.Count < s.At) {
		return false, true
	}
	if s.Count == s.At && s.Then != nil {
		s.Then()
	}
	return true, s.Effective && s.Count == s.At
}

func (s *TroubledStorage) do(operation func() error) error {
	wrong, effective := s.goesWrong()
	if effective {
		if err := operation(); err != nil {
			return err
		}
	}
	if wrong {
		return ErrDiskFull
	}
	return nil
}

func (s *TroubledStorage) Get(ctx context.Context, key string) (entry *logical.StorageEntry, err error) {
	err = s.do(func() error { entry, err = s.Storage.Get(ctx, key); return err })
	return entry, err
}

func (s *TroubledStorage) Put(ctx context.Context, entry *logical.StorageEntry) error {
	return s.do(func() error { return s.Storage.Put(ctx, entry) })
}

func (s *TroubledStorage) Delete(ctx context.Context, key string) error {
	return s.do(func() error { return s.Storage.Delete(ctx, key) })
}

func (s *TroubledStorage) List(ctx context.Context, prefix string) (keys []string, err error) {
	err = s.do(func() error { keys, err = s.Storage.List(ctx, prefix); return err })
	return keys, err
}
