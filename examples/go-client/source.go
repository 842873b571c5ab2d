package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

// readPause is the shortest time between two reads. It limits the number of logins
// when reads or renewals fail.
const readPause = time.Second

// Source keeps a valid token of ProcessMaker.
type Source struct {
	vault *api.Client
	path  string

	mu      sync.Mutex
	token   string
	changed chan struct{} // closed when token is replaced
}

// NewSource returns a Source that reads tokens at path. It has no token until Keep
// runs.
func NewSource(vault *api.Client, path string) *Source {
	return &Source{vault: vault, path: path, changed: make(chan struct{})}
}

// Token returns the token for the next call, and a channel that is closed when
// another token replaces it.
func (s *Source) Token() (string, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token, s.changed
}

// Keep reads a token, and renews or replaces it until ctx is done. Then it revokes
// the lease. It calls ready after the first read.
func (s *Source) Keep(ctx context.Context, ready func()) error {
	secret, err := s.read(ctx)
	if err != nil {
		return err
	}
	ready()
	for {
		soonest := time.After(readPause)
		s.watch(ctx, secret)
		if ctx.Err() != nil {
			return s.vault.Sys().Revoke(secret.LeaseID)
		}
		// The lease cannot be extended any further, or a renewal failed. The old
		// lease runs to its end, for calls that are under way.
		select {
		case <-ctx.Done():
			continue
		case <-soonest:
		}
		next, err := s.read(ctx)
		if err != nil {
			log.Printf("reading %s: %v", s.path, err)
			continue
		}
		secret = next
	}
}

func (s *Source) read(ctx context.Context) (*api.Secret, error) {
	secret, err := s.vault.Logical().ReadWithContext(ctx, s.path)
	if err != nil {
		return nil, err
	}
	if secret == nil {
		return nil, fmt.Errorf("there is nothing at %s", s.path)
	}
	return secret, s.take(secret)
}

// take replaces the token by the one of an answer.
func (s *Source) take(secret *api.Secret) error {
	token, _ := secret.Data["access_token"].(string)
	if token == "" {
		return errors.New("the answer holds no access_token")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if token != s.token {
		s.token = token
		close(s.changed)
		s.changed = make(chan struct{})
	}
	return nil
}

// watch renews the lease until a renewal fails or cannot extend it.
func (s *Source) watch(ctx context.Context, secret *api.Secret) {
	watcher, err := s.vault.NewLifetimeWatcher(&api.LifetimeWatcherInput{
		Secret: secret,
		// A failed renewal may have invalidated the token. The client reads again
		// at once, and does not repeat the renewal until the lease ends.
		RenewBehavior: api.RenewBehaviorErrorOnErrors,
	})
	if err != nil {
		log.Printf("watching the lease: %v", err)
		return
	}
	go watcher.Start()
	defer watcher.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case renewal := <-watcher.RenewCh():
			s.renewed(renewal)
		case err := <-watcher.DoneCh():
			if err != nil {
				log.Printf("renewing the lease: %v", err)
			}
			// The last renewal may wait in the other channel, with the only
			// valid token.
			select {
			case renewal := <-watcher.RenewCh():
				s.renewed(renewal)
			default:
			}
			return
		}
	}
}

// renewed takes the new token from the answer to a renewal; the old token is
// invalid. With renew_mode=extend the answer has no data, and the token stays.
func (s *Source) renewed(renewal *api.RenewOutput) {
	for _, warning := range renewal.Secret.Warnings {
		log.Printf("renewing the lease: %s", warning)
	}
	if len(renewal.Secret.Data) == 0 {
		return
	}
	if err := s.take(renewal.Secret); err != nil {
		log.Printf("renewing the lease: %v", err)
	}
}
