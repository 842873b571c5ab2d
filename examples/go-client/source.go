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

// readPause is the least time between two reads, so that trouble does not
// become a storm of logins.
const readPause = time.Second

// Source holds a live token of ProcessMaker.
type Source struct {
	vault *api.Client
	path  string

	mu      sync.Mutex
	token   string
	changed chan struct{} // closed when token is replaced
}

// NewSource returns a Source of the role's tokens at path. It has none until Keep
// runs.
func NewSource(vault *api.Client, path string) *Source {
	return &Source{vault: vault, path: path, changed: make(chan struct{})}
}

// Token returns the token for the next call, and a channel that is closed when
// another one has taken its place.
func (s *Source) Token() (string, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token, s.changed
}

// Keep reads a token and keeps a live one until ctx is done; then it ends the
// lease. ready is called once there is a token.
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
		// The lease cannot be lengthened any more, or a renewal failed. The old
		// lease is left to its end, for calls that are under way.
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

// take puts the token of an answer in the place of the one before.
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

// watch renews the lease as long as that lengthens it.
func (s *Source) watch(ctx context.Context, secret *api.Secret) {
	watcher, err := s.vault.NewLifetimeWatcher(&api.LifetimeWatcherInput{
		Secret: secret,
		// A renewal that failed may have cost the token its life: read again
		// at once, rather than try the same renewal until the lease is over.
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
			// The last renewal may lie in the other channel, with the only
			// token that lives.
			select {
			case renewal := <-watcher.RenewCh():
				s.renewed(renewal)
			default:
			}
			return
		}
	}
}

// renewed is the heart of it: the renewal's answer holds the new token, and the
// one before is dead. A renewal by extend answers no data: the token stays.
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
