package main

import (
	"context"
	"runtime"

	"github.com/hashicorp/vault/sdk/logical"
)

// hookedStorage has a test look on while an entry is read or deleted.
type hookedStorage struct {
	logical.Storage
	afterGet     func(key string)
	beforeDelete func(key string) error
}

// hook puts hooks under everything that the harness does from now on.
func (h *harness) hook(hooks hookedStorage) {
	hooks.Storage = h.storage.Storage
	h.storage.Storage = &hooks
}

func (s *hookedStorage) Get(ctx context.Context, key string) (*logical.StorageEntry, error) {
	entry, err := s.Storage.Get(ctx, key)
	if s.afterGet != nil {
		s.afterGet(key)
	}
	return entry, err
}

func (s *hookedStorage) Delete(ctx context.Context, key string) error {
	if s.beforeDelete != nil {
		if err := s.beforeDelete(key); err != nil {
			return err
		}
	}
	return s.Storage.Delete(ctx, key)
}

// until waits for what another goroutine is about to bring about.
func until(happened func() bool) {
	for !happened() {
		runtime.Gosched()
	}
}
