//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

const (
	settingsKey = "settings"
	secretType  = "measured"
	leaseTTL    = time.Hour
)

// settings are what all engines answer, and what the reference engine sends.
type settings struct {
	URL    string `json:"url"`
	CACert string `json:"ca_cert"`
	// Form is the body of the POST.
	Form string `json:"form"`
	// RecordBytes is the size of what is written for each lease.
	RecordBytes int `json:"record_bytes"`
	// Answer is the data of every answer, Internal what is kept with a lease.
	Answer   map[string]any `json:"answer"`
	Internal map[string]any `json:"internal"`

	client *http.Client
}

type backend struct {
	*framework.Backend
	settings atomic.Pointer[settings]
}

// Factory makes the backend of one mount.
func Factory(ctx context.Context, conf *logical.BackendConfig) (logical.Backend, error) {
	b := &backend{}
	b.Backend = &framework.Backend{
		BackendType: logical.TypeLogical,
		Help:        "Engines to measure against.",
		Paths: []*framework.Path{
			{
				Pattern: settingsKey,
				Fields:  map[string]*framework.FieldSchema{"json": {Type: framework.TypeString}},
				Operations: map[logical.Operation]framework.OperationHandler{
					logical.UpdateOperation: &framework.PathOperation{Callback: b.writeSettings},
				},
			},
			b.engine("reference/", b.readReference),
			b.engine("leased/", b.readLeased),
			b.engine("plain/", b.readPlain),
		},
		Secrets: []*framework.Secret{{Type: secretType, Renew: b.renew, Revoke: b.revoke}},
	}
	return b, b.Setup(ctx, conf)
}

type reader func(context.Context, *logical.Request, *settings) (*logical.Response, error)

func (b *backend) engine(prefix string, read reader) *framework.Path {
	return &framework.Path{
		Pattern: prefix + framework.GenericNameRegex("name"),
		Fields:  map[string]*framework.FieldSchema{"name": {Type: framework.TypeString}},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation: &framework.PathOperation{
				Callback: func(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
					current, err := b.load(ctx, req.Storage)
					if err != nil {
						return nil, err
					}
					return read(ctx, req, current)
				},
			},
		},
	}
}

func (b *backend) writeSettings(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	text := []byte(data.Get("json").(string))
	if _, err := parseSettings(text); err != nil {
		return logical.ErrorResponse(err.Error()), nil
	}
	b.settings.Store(nil)
	return nil, req.Storage.Put(ctx, &logical.StorageEntry{Key: settingsKey, Value: text})
}

func (b *backend) load(ctx context.Context, storage logical.Storage) (*settings, error) {
	if current := b.settings.Load(); current != nil {
		return current, nil
	}
	entry, err := storage.Get(ctx, settingsKey)
	if err != nil {
		return nil, err
	}
	if entry == nil {
		return nil, errors.New("the settings are not written yet")
	}
	current, err := parseSettings(entry.Value)
	if err != nil {
		return nil, err
	}
	b.settings.CompareAndSwap(nil, current)
	return b.settings.Load(), nil
}

// parseSettings also makes the pool of connections: bare, and as large as the
// largest measurement wants it.
func parseSettings(text []byte) (*settings, error) {
	var s settings
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("the settings cannot be read: %w", err)
	}
	pool := x509.NewCertPool()
	if s.CACert != "" && !pool.AppendCertsFromPEM([]byte(s.CACert)) {
		return nil, errors.New("ca_cert holds no certificate")
	}
	s.client = &http.Client{
		Timeout: 15 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
			MaxIdleConnsPerHost: 128,
		},
	}
	return &s, nil
}

func (b *backend) readReference(ctx context.Context, req *logical.Request, s *settings) (*logical.Response, error) {
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader([]byte(s.Form)))
	if err != nil {
		return nil, err
	}
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := s.client.Do(post)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var grant struct {
		AccessToken string `json:"access_token"`
	}
	if response.StatusCode != http.StatusOK || json.Unmarshal(body, &grant) != nil {
		return nil, fmt.Errorf("the upstream answered %s", response.Status)
	}
	id := rand.Text()
	// As our own record: a fixed part, the minute of the deadline, the rest.
	key := "ledger/" + id[:6] + "/" + id[6:22]
	if err := req.Storage.Put(ctx, &logical.StorageEntry{Key: key, Value: make([]byte, s.RecordBytes)}); err != nil {
		return nil, err
	}
	answer, internal := maps.Clone(s.Answer), maps.Clone(s.Internal)
	answer["access_token"], answer["credential_id"] = grant.AccessToken, id[:22]
	internal["key"] = key
	return b.lease(answer, internal), nil
}

func (b *backend) readLeased(_ context.Context, _ *logical.Request, s *settings) (*logical.Response, error) {
	return b.lease(s.Answer, maps.Clone(s.Internal)), nil
}

func (b *backend) readPlain(_ context.Context, _ *logical.Request, s *settings) (*logical.Response, error) {
	return &logical.Response{Data: s.Answer}, nil
}

func (b *backend) lease(answer, internal map[string]any) *logical.Response {
	resp := b.Secret(secretType).Response(answer, internal)
	resp.Secret.TTL, resp.Secret.MaxTTL, resp.Secret.Renewable = leaseTTL, 24*leaseTTL, true
	return resp
}

func (b *backend) renew(_ context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	req.Secret.TTL, req.Secret.MaxTTL = leaseTTL, 24*leaseTTL
	return &logical.Response{Secret: req.Secret, Data: req.Data}, nil
}

func (b *backend) revoke(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	if key, _ := req.Secret.InternalData["key"].(string); key != "" {
		return nil, req.Storage.Delete(ctx, key)
	}
	return nil, nil
}
