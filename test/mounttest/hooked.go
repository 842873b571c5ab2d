package mounttest

import (
	"context"
	"runtime"

	"github.com/hashicorp/vault/sdk/logical"
)

// HookedStorage has a test look on while an entry is read or deleted.
type HookedStorage struct {
	logical.Storage
	AfterGet     func(key string)
	BeforeDelete func(key string) error
}

// Hook puts hooks under everything that the harness does from now on.
func (h *Mount) Hook(hooks HookedStorage) {
	hooks.Storage = h.Storage.Storage
	h.Storage.Storage = &hooks
}

func (s *HookedStorage) Get(ctx context.Context, key string) (*logical.StorageEntry, error) {
	entry, err := s.Storage.Get(ctx, key)
	if s.AfterGet != nil {
		s.AfterGet(key)
	}
	return entry, err
}

func (s *HookedStorage) Delete(ctx context.Context, key string) error {
	if s.BeforeDelete != nil {
		if err := s.BeforeDelete(key); err != nil {
			return err
		}
	}
	return s.Storage.Delete(ctx, key)
}

// Until waits for what another goroutine is about to bring about.
func Until(happened func() bool) {
	for !happened() {
		runtime.Gosched()
	}
}
