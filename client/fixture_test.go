package client_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/clock/clocktest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ci is on whose behalf token calls are made.
var ci = client.Caller{Role: "ci"}

type fixture struct {
	pm     *processmakertest.Server
	client *client.Client
	clock  *clocktest.Clock
	auth   client.AuthClient
	login  client.Login
}

func configFor(t *testing.T, address string) client.Config {
	t.Helper()
	base, err := url.Parse(address)
	require.NoError(t, err)
	return client.Config{BaseURL: base, RequestTimeout: 10 * time.Second, MaxConcurrentRequests: 8, UserAgent: "test/1"}
}

func newFixture(t *testing.T, change ...func(*processmakertest.Config)) *fixture {
	t.Helper()
	f := &fixture{clock: clocktest.NewAuto(noon)}
	passport, err := processmakertest.PassportWanted()
	require.NoError(t, err)
	cfg := processmakertest.Config{Clock: f.clock.Now, Passport: passport}
	for _, c := range change {
		c(&cfg)
	}
	pm, err := processmakertest.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(pm.Close)
	f.pm = pm
	clientConfig := configFor(t, pm.URL())
	clientConfig.CACert = pm.CACertPEM()
	f.client, err = client.New(clientConfig, f.clock)
	require.NoError(t, err)
	t.Cleanup(f.client.Close)
	f.auth = client.AuthClient{ID: "3", Secret: pm.Client(3).Secret}
	f.login = client.Login{Username: "alice", Password: pm.User("alice").Password}
	return f
}

func (f *fixture) sign(t *testing.T) *client.Grant {
	t.Helper()
	grant, err := f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
	require.NoError(t, err)
	return grant
}

// list collects a user's personal access tokens.
func (f *fixture) list(bearer client.Token) ([]client.NamedToken, error) {
	return listed(f.client, bearer)
}

func listed(c *client.Client, bearer client.Token) (tokens []client.NamedToken, err error) {
	err = c.PersonalTokens(context.Background(), bearer, bearer.UserID, func(token client.NamedToken) { tokens = append(tokens, token) })
	if err != nil {
		return nil, err
	}
	return tokens, nil
}

func jsonAnswer(status int, body string) processmakertest.Effect {
	return processmakertest.Answer(status, map[string][]string{"Content-Type": {"application/json"}}, body)
}

func fault(on processmakertest.Endpoint, do processmakertest.Effect) processmakertest.Fault {
	return processmakertest.Fault{On: on, Do: do}
}
