package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

func TestConfigReadsBackWithoutSecrets(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	require.Nil(t, h.Read("config"))
	certificate, key := keyPair(t)
	data := h.ConfigData()
	data["client_cert"], data["client_key"] = certificate, key
	data["proxy_url"] = "http://user:S3CRET@127.0.0.1:3128"
	data["verify_connection"] = false
	h.MustWrite("config", data)

	got := h.Read("config")
	h.CheckFields(answerFields(configFields(), "verify_connection"), got)
	require.Equal(t, map[string]any{
		"url": h.Pm.URL(), "allow_http": false,
		"client_id": "3", "client_secret_set": true, "client_auth_method": "client_secret_post",
		"ca_cert": "", "client_cert": certificate, "client_key_set": true, "tls_server_name": "", "tls_min_version": "tls12", "insecure_tls": false,
		"proxy_url": "http://user:xxxxx@127.0.0.1:3128", "request_timeout": int64(15), "max_concurrent_requests": 64, "token_requests_per_minute": 0,
		"password_policy": "",
	}, got)
}

func TestConfigKeepsWhatIsNotGiven(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.MustWrite("config", h.ConfigData())
	before := h.Read("config")
	h.MustWrite("config", map[string]any{"request_timeout": "7s"})
	before["request_timeout"] = int64(7)
	require.Equal(t, before, h.Read("config"))

	_, err := h.Do(logical.PatchOperation, "config", map[string]any{"request_timeout": nil, "max_concurrent_requests": nil, "client_id": nil, "client_secret": nil, "tls_min_version": nil})
	require.NoError(t, err)
	got := h.Read("config")
	require.Equal(t, int64(15), got["request_timeout"])
	require.Equal(t, 16, got["max_concurrent_requests"])
	require.Equal(t, "", got["client_id"])
	require.Equal(t, false, got["client_secret_set"])
}

func TestConfigRefusals(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.RefusedWrite(logical.PatchOperation, "config", map[string]any{"url": h.Pm.URL()}, "no config to patch")
	h.RefusedWrite(logical.CreateOperation, "config", map[string]any{}, "url is missing")
	h.MustWrite("config", h.ConfigData())
	before := h.Read("config")
	certificate, key := keyPair(t)
	for name, test := range map[string]struct {
		data map[string]any
		says string
	}{
		"http on the network":       {map[string]any{"url": "http://bpm.example.com", "client_secret": "x"}, "allow_http"},
		"no scheme":                 {map[string]any{"url": "bpm.example.com", "client_secret": "x"}, "https://"},
		"another scheme":            {map[string]any{"url": "ftp://bpm.example.com", "client_secret": "x"}, "https://"},
		"a query":                   {map[string]any{"url": "https://bpm.example.com?x=1", "client_secret": "x"}, "query"},
		"a user":                    {map[string]any{"url": "https://a:S3CRET@bpm.example.com", "client_secret": "x"}, "user or password"},
		"blanks":                    {map[string]any{"url": "https://bpm example.com", "client_secret": "x"}, "form"},
		"no url":                    {map[string]any{"url": "", "client_secret": "x"}, "url is missing"},
		"a null url":                {map[string]any{"url": nil, "client_secret": "x"}, "url is missing"},
		"secret without client":     {map[string]any{"client_id": "", "client_secret": "S3CRET"}, "go together"},
		"client without secret":     {map[string]any{"client_secret": ""}, "go together"},
		"another client":            {map[string]any{"client_id": "4"}, "needs client_secret in the same request"},
		"unknown method":            {map[string]any{"client_auth_method": "private_key_jwt"}, "client_secret_post, client_secret_basic"},
		"timeout too long":          {map[string]any{"request_timeout": "31s"}, "(1s to 30s)"},
		"timeout too short":         {map[string]any{"request_timeout": 0}, "(1s to 30s)"},
		"timeout is no duration":    {map[string]any{"request_timeout": "soon"}, "request_timeout"},
		"too few connections":       {map[string]any{"max_concurrent_requests": 1}, "from 2"},
		"negative budget":           {map[string]any{"token_requests_per_minute": -1}, "from 0"},
		"old TLS":                   {map[string]any{"tls_min_version": "tls10"}, "tls12, tls13"},
		"ca_cert is no PEM":         {map[string]any{"ca_cert": "certificate"}, "ca_cert"},
		"key without certificate":   {map[string]any{"client_key": "S3CRET"}, "go together"},
		"key is no PEM":             {map[string]any{"client_key": "S3CRET", "client_cert": certificate}, "client_cert and client_key"},
		"a key in client_cert":      {map[string]any{"client_cert": certificate + key}, "client_cert holds something other"},
		"a key in ca_cert":          {map[string]any{"ca_cert": key + certificate}, "ca_cert holds something other"},
		"text around a certificate": {map[string]any{"ca_cert": "S3CRET " + certificate}, "ca_cert holds something other"},
		"a line break":              {map[string]any{"client_secret": "S3CRET\n"}, "ends in a line break"},
		"a fraction":                {map[string]any{"max_concurrent_requests": 2.9}, "whole number"},
		"a fraction of a second":    {map[string]any{"request_timeout": 1.5}, "whole number"},
		"proxy is no url":           {map[string]any{"proxy_url": "::S3CRET", "client_secret": "x"}, "proxy_url"},
		"proxy of another kind":     {map[string]any{"proxy_url": "ftp://S3CRET@proxy", "client_secret": "x"}, "proxy_url"},
		"proxy as read back":        {map[string]any{"proxy_url": "http://a:xxxxx@proxy", "client_secret": "x"}, "as reading the config shows it"},
		"unknown field":             {map[string]any{"client_secert": "S3CRET"}, `"client_secert"`},
		"secret is a list":          {map[string]any{"client_secret": []any{"S3CRET", "b"}}, "expects a text"},
		"secret is an object":       {map[string]any{"client_secret": map[string]any{"S3CRET": "b"}}, "expects a text"},
		"url without the secret":    {map[string]any{"url": "https://elsewhere.example.com"}, "changing url needs client_secret"},
		"url with a null secret":    {map[string]any{"url": "https://elsewhere.example.com", "client_id": nil, "client_secret": nil}, "changing url needs client_secret"},
		"proxy without the secret":  {map[string]any{"proxy_url": "http://proxy.example.com"}, "changing proxy_url needs client_secret"},
		"name without the secret":   {map[string]any{"tls_server_name": "other"}, "changing tls_server_name needs client_secret"},
		"insecure without it":       {map[string]any{"insecure_tls": true}, "changing insecure_tls needs client_secret"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, operation := range []logical.Operation{logical.UpdateOperation, logical.PatchOperation} {
				resp, err := h.Do(operation, "config", test.data)
				require.NoError(t, err)
				require.True(t, resp.IsError())
				require.ErrorContains(t, resp.Error(), test.says)
				require.NotContains(t, resp.Error().Error(), "S3CRET")
				require.Equal(t, before, h.Read("config"), "a refused write changes nothing")
			}
		})
	}
}

func TestAFailedConfigWriteChangesNothing(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	before := h.Read("config")
	h.Storage.FailPuts(mounttest.AnyKey)
	_, err := h.Write("config", map[string]any{"request_timeout": "9s", "token_requests_per_minute": 1})
	require.ErrorIs(t, err, mounttest.ErrDiskFull)
	require.Equal(t, before, h.Read("config"))
	h.Storage.FailPuts(nil)
	h.Issue(nil)
	h.Issue(nil)
	h.ForgetAll()
	require.Equal(t, before, h.Read("config"))
}

func TestConfigWritesAtTheSameTime(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			resp, err := h.Write("config", map[string]any{"request_timeout": 1 + i})
			if code := mounttest.Status(resp, err); code != 200 && code != 409 {
				t.Errorf("status %d: %s", code, mounttest.Message(resp, err))
			}
		})
		wg.Go(func() {
			if resp, err := h.Do(logical.ReadOperation, "creds/ci", nil); mounttest.Status(resp, err) != 200 {
				t.Error(mounttest.Message(resp, err))
			}
		})
		wg.Go(func() { h.Backend.InvalidateKey(context.Background(), "config") })
	}
	wg.Wait()
	current := h.Read("config")
	h.ForgetAll()
	require.Equal(t, current, h.Read("config"), "memory and storage agree")
}

func TestUnreadableConfigs(t *testing.T) {
	t.Parallel()
	for stored, says := range map[string]string{
		`{"auth_client": S3CRET}`:         "not in the form of this release",
		`{"version": 99}`:                 "newer release",
		`{"version": 1, "url": "nohost"}`: "vault write processmaker/config",
	} {
		h := newHarness(t)
		require.NoError(t, h.Storage.Storage.Put(context.Background(), &logical.StorageEntry{Key: "config", Value: []byte(stored)}))
		_, err := h.Do(logical.ReadOperation, "config", nil)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "S3CRET")
	}
}

func keyPair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "vault"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(private)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}))
}

func TestANewConfigDoesNotSpendTheSameMinuteAgain(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.MustWrite("config", map[string]any{"token_requests_per_minute": 2}) // the check is one of them
	h.Issue(nil)
	h.MustWrite("config", map[string]any{"request_timeout": "9s"})
	h.Pm.ResetLog()
	resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Equal(t, 503, mounttest.Status(resp, err), mounttest.Message(resp, err))
	require.Zero(t, h.Pm.Count())
}

func TestConfigLooksForAProcessMaker(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		arrange func(h *mounttest.Mount)
		says    string
	}{
		"down":          {func(h *mounttest.Mount) { h.Pm.GoOffline() }, "connection refused"},
		"something web": {mounttest.Inject(processmakertest.Any, processmakertest.HTMLPage(200)), "not JSON"},
		"another API":   {mounttest.Inject(processmakertest.Any, processmakertest.Answer(401, mounttest.JsonHeader(), `{"error":"unauthorized"}`)), "HTTP 401"},
		"open API":      {mounttest.Inject(processmakertest.Any, processmakertest.Answer(200, mounttest.JsonHeader(), `{"data":[]}`)), "HTTP 200"},
		"redirect":      {mounttest.Inject(processmakertest.Any, processmakertest.Redirect("https://elsewhere.example.com")), "redirect"},
		"maintenance":   {mounttest.Inject(processmakertest.Any, processmakertest.Maintenance(0)), "HTTP 503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			test.arrange(h)
			h.RefusedWrite(logical.CreateOperation, "config", h.ConfigData(), test.says)
			require.Nil(t, h.Read("config"))
			data := h.ConfigData()
			data["verify_connection"] = false
			h.MustWrite("config", data)
		})
	}
}

func TestConfigOverTLS(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(c *processmakertest.Config) { c.TLS = true })
	h.RefusedWrite(logical.CreateOperation, "config", h.ConfigData(), "set ca_cert")
	data := h.ConfigData()
	data["ca_cert"] = h.Pm.CACertPEM()
	data["tls_min_version"] = "tls13"
	h.MustWrite("config", data)
	h.MustWrite("roles/ci", h.RoleData(nil))
	h.Issue(nil)

	resp := h.MustWrite("config", map[string]any{"ca_cert": nil, "insecure_tls": true, "client_secret": h.Pm.Client(3).Secret})
	require.Contains(t, resp.Warnings[0], "insecure_tls")
	h.Issue(nil)

	h.RefusedWrite(logical.UpdateOperation, "config", map[string]any{"ca_cert": h.Pm.CACertPEM(), "insecure_tls": false, "tls_server_name": "bpm.example.com", "client_secret": "x"}, "set tls_server_name")
}

func TestURLStaysWhileCredentialsLive(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	other := newHarness(t)
	l := h.Issue(nil)
	move := map[string]any{"url": other.Pm.URL(), "client_secret": other.Pm.Client(3).Secret}
	h.RefusedWrite(logical.UpdateOperation, "config", move, "1 credentials")

	// Taking the config away and writing it anew is no way around.
	_, err := h.Do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	again := h.ConfigData()
	again["url"] = other.Pm.URL()
	h.RefusedWrite(logical.CreateOperation, "config", again, "1 credentials")

	require.NoError(t, l.TryRevoke())
	h.MustWrite("config", again)

	// The role was written for the old instance.
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "it was written for "+h.Pm.URL())
	h.RefusedWrite(logical.UpdateOperation, "roles/ci", map[string]any{"ttl": "5m"}, "give its password")
	require.Zero(t, other.Pm.Count(processmakertest.PasswordGrant))
	h.MustWrite("roles/ci", map[string]any{"password": other.Pm.User("alice").Password})
	h.Issue(nil)
	require.Len(t, other.Pm.LiveTokens(), 1)
}

func TestDeletingTheConfigErasesItsSecrets(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	secret := h.Pm.Client(3).Secret
	l := h.Issue(nil)
	resp, err := h.Do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	require.Contains(t, resp.Warnings[0], "vault write processmaker/credentials/revoke all=true")
	entry, err := h.Storage.Storage.Get(context.Background(), "config")
	require.NoError(t, err)
	require.NotContains(t, string(entry.Value), secret)
	h.Tick()
	h.Clock.Advance(time.Minute)
	require.NoError(t, l.TryRevoke(), "while credentials live, the way to them is kept")

	// What was kept goes with the last credential, within the hour.
	h.Clock.Advance(engine.UpkeepInterval)
	h.Tick()
	entry, err = h.Storage.Storage.Get(context.Background(), "config")
	require.NoError(t, err)
	require.Nil(t, entry)

	_, err = h.Do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err, "deleting what is not there is no error")
}

func TestDeletingTheConfigOfAQuietMountRemovesIt(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	resp, err := h.Do(logical.DeleteOperation, "config", nil)
	require.NoError(t, err)
	require.Nil(t, resp)
	entry, err := h.Storage.Storage.Get(context.Background(), "config")
	require.NoError(t, err)
	require.Nil(t, entry)
}

// ProcessMaker's API answers a wrong path as it answers a right one without a token: only the token
// endpoint tells them apart.
func TestAConfigWithAWrongPathIsRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	config := h.ConfigData()
	config["url"] = h.Pm.URL() + "/wrong"
	h.RefusedWrite(logical.CreateOperation, "config", config, "token endpoint check")
	require.Nil(t, h.Read("config"))

	// An instance that is busy is one all the same.
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.AnyToken, Times: 1, Do: processmakertest.Throttled(30)})
	h.MustWrite("config", h.ConfigData())

	// The check is of one write, and its call counts against the limit.
	h.Pm.ResetLog()
	h.MustWrite("config", map[string]any{"request_timeout": "10s", "verify_connection": false})
	require.Zero(t, h.Pm.Count())
	h.MustWrite("config", map[string]any{"request_timeout": "11s"})
	require.Equal(t, 1, h.Pm.Count(processmakertest.AnyToken))
	h.MustWrite("config", map[string]any{"token_requests_per_minute": 10})
	before := h.Read("status")["token_requests_remaining"].(int)
	h.MustWrite("config", map[string]any{"request_timeout": "12s"})
	require.Equal(t, before-1, h.Read("status")["token_requests_remaining"])
	require.NotContains(t, h.Read("config"), "verify_connection")
}
