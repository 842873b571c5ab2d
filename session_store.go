package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/ledger"
)

const sessionVersion = 1

// session is the stored form of a role's own pair of tokens. It is never
// handed out, so that refreshing it hurts nobody.
type session struct {
	Version     int                `json:"version"`
	Fingerprint ledger.Fingerprint `json:"fingerprint"`

	UserID   string `json:"user_id"`
	Username string `json:"username"`

	TokenID         string    `json:"token_id"`
	TokenType       string    `json:"token_type"`
	TokenReceivedAt time.Time `json:"token_received_at"`
	TokenExpireTime time.Time `json:"token_expire_time"`
	AccessToken     string    `json:"access_token"`
	RefreshToken    string    `json:"refresh_token"`

	CreatedTime     time.Time `json:"created_time"`
	LastRefreshTime time.Time `json:"last_refresh_time"`

	// LostBecause says why the session cannot be used any more and somebody
	// has to sign in; empty while it can. Who may is still known by UserID.
	LostBecause string `json:"lost_because"`
}

func (s *session) newest() int { return sessionVersion }

func (s *session) whole() bool {
	return s.Fingerprint.URL != "" && (s.LostBecause != "" || (s.AccessToken != "" && s.TokenID != ""))
}

func (s *session) token() client.Token {
	return client.Token{
		Value:      s.AccessToken,
		Type:       s.TokenType,
		ID:         s.TokenID,
		UserID:     s.UserID,
		ReceivedAt: s.TokenReceivedAt,
		ExpireTime: s.TokenExpireTime,
	}
}

// with returns the session with a new pair of tokens.
func (s session) with(grant *client.Grant) *session {
	s.UserID = grant.Access.UserID
	s.TokenID = grant.Access.ID
	s.TokenType = grant.Access.Type
	s.TokenReceivedAt = grant.Access.ReceivedAt
	s.TokenExpireTime = grant.Access.ExpireTime
	s.AccessToken = grant.Access.Value
	s.RefreshToken = grant.Refresh
	s.LastRefreshTime = grant.Access.ReceivedAt
	s.LostBecause = ""
	return &s
}

// lost returns the session without its tokens.
func (s session) lost(why string) *session {
	s.TokenID, s.TokenType, s.AccessToken, s.RefreshToken = "", "", "", ""
	s.LostBecause = why
	return &s
}

func (b *backend) putSession(storage logical.Storage, role string, s *session) error {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	entry, err := logical.StorageEntryJSON(sessionPrefix+role, s)
	if err != nil {
		return fmt.Errorf("the session of role %q cannot be encoded", role)
	}
	return storage.Put(ctx, entry)
}

func readSession(ctx context.Context, storage logical.Storage, role string) (*session, error) {
	entry, err := storage.Get(ctx, sessionPrefix+role)
	if err != nil || entry == nil {
		return nil, err
	}
	var stored session
	if err := decodeStored(entry, &stored, fmt.Sprintf("session of role %q", role), fmt.Sprintf("delete sessions/%s, and its tokens in ProcessMaker", role)); err != nil {
		return nil, err
	}
	return &stored, nil
}
