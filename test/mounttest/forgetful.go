package mounttest

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/ledger"
)

// forgetful keeps everything but the ledger, of which it keeps the last record:
// enough to renew and to end what was issued last, without a store that grows.
type forgetful struct {
	logical.InmemStorage
	last atomic.Pointer[logical.StorageEntry]
}

func NewForgetful() *forgetful { return &forgetful{} }

func (s *forgetful) Put(ctx context.Context, entry *logical.StorageEntry) error {
	if strings.HasPrefix(entry.Key, ledger.Prefix) {
		s.last.Store(entry)
		return nil
	}
	return s.InmemStorage.Put(ctx, entry)
}

func (s *forgetful) Get(ctx context.Context, key string) (*logical.StorageEntry, error) {
	if last := s.last.Load(); last != nil && last.Key == key {
		return last, nil
	}
	return s.InmemStorage.Get(ctx, key)
}

func (s *forgetful) Delete(ctx context.Context, key string) error {
	if strings.HasPrefix(key, ledger.Prefix) {
		return nil
	}
	return s.InmemStorage.Delete(ctx, key)
}
