package leaks

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// leakDrive is a mount whose secrets are all canaries, and what it has shown.
type leakDrive struct {
	*mounttest.Mount
	secrets           *mounttest.Canaries
	config            map[string]any
	roles             map[string]map[string]any
	shown             []shown
	succeeded, failed map[string]bool // by operation and pattern
}

type shown struct{ where, text string }

func newLeakDrive(t *testing.T, mount mounttest.Maker) *leakDrive {
	t.Helper()
	l := &leakDrive{Mount: mounttest.New(t, mount), secrets: &mounttest.Canaries{}, succeeded: map[string]bool{}, failed: map[string]bool{}}
	password, clientSecret := l.secrets.Make("password"), l.secrets.Make("client secret")
	peoples := l.secrets.Make("client secret")
	l.Pm.SetPassword("alice", password)
	l.Pm.AddUser(processmakertest.User{Username: "turner", Password: l.secrets.Make("password")})
	l.Pm.SetClientSecret(3, clientSecret)
	l.Pm.SetClientSecret(2, peoples)
	l.config = l.ConfigData()
	l.config["url"] = l.secrets.Collect(t, l.Pm.URL())
	l.config["client_secret"] = clientSecret
	login := map[string]any{"username": "alice", "password": password}
	personal := func(more map[string]any) map[string]any {
		data := map[string]any{"credential_type": "personal_access_token"}
		maps.Copy(data, more)
		return data
	}
	l.roles = map[string]map[string]any{
		"ci":       login,
		"pat":      merged(personal(login), map[string]any{"rotation_period": "1h"}),
		"imported": personal(map[string]any{"grant_type": "refresh_token"}),
		"people": personal(map[string]any{
			"grant_type": "authorization_code", "redirect_uri": mounttest.Callback, "client_id": "2", "client_secret": peoples,
		}),
	}
	return l
}

func merged(base, changes map[string]any) map[string]any {
	all := maps.Clone(base)
	maps.Copy(all, changes)
	return all
}

// send makes one request as Vault does and keeps what came of it.
func (l *leakDrive) send(operation logical.Operation, path string, data map[string]any) *logical.Response {
	l.T.Helper()
	route := l.Backend.Route(path)
	require.NotNil(l.T, route, path)
	if operation == logical.CreateOperation {
		checked, exists, err := l.Backend.HandleExistenceCheck(context.Background(), &logical.Request{
			Operation: operation, Path: path, Data: maps.Clone(data), Storage: l.Storage,
		})
		if err != nil {
			l.note(string(operation)+" "+route.Pattern, nil, err)
			return nil
		}
		if !checked || exists {
			operation = logical.UpdateOperation
		}
	}
	resp, err := l.Do(operation, path, data)
	l.note(string(operation)+" "+route.Pattern, resp, err)
	if err != nil || resp.IsError() {
		return nil
	}
	return resp
}

// put creates or changes.
func (l *leakDrive) put(path string, data map[string]any) *logical.Response {
	l.T.Helper()
	return l.send(logical.CreateOperation, path, data)
}

// calm writes everything anew, so that nothing is remembered of a failure.
func (l *leakDrive) calm() {
	l.T.Helper()
	l.put("config", merged(l.config, map[string]any{"verify_connection": false}))
	for name, role := range l.roles {
		l.put("roles/"+name, role)
	}
}

// request is one request of the drive; data is made when it is sent.
type request struct {
	operation logical.Operation
	path      string
	data      func() map[string]any
}

// requests are all operations in an order in which they succeed, but for the
// deletions. A new path needs a line here.
func (l *leakDrive) requests() []request {
	with := func(pairs ...any) func() map[string]any {
		data := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			data[pairs[i].(string)] = pairs[i+1]
		}
		return func() map[string]any { return data }
	}
	stored := func(data map[string]any) func() map[string]any { return func() map[string]any { return data } }
	return []request{
		{logical.CreateOperation, "config", stored(l.config)},
		{logical.CreateOperation, "config", stored(l.config)},
		{logical.PatchOperation, "config", stored(l.config)},
		{logical.ReadOperation, "config", nil},
		{logical.CreateOperation, "roles/ci", stored(merged(l.roles["ci"], map[string]any{"verify": true}))},
		{logical.CreateOperation, "roles/ci", stored(merged(l.roles["ci"], map[string]any{"verify": true}))},
		{logical.PatchOperation, "roles/ci", stored(merged(l.roles["ci"], map[string]any{"verify": true}))},
		{logical.ReadOperation, "roles/ci", nil},
		{logical.CreateOperation, "roles/pat", stored(l.roles["pat"])},
		{logical.CreateOperation, "roles/imported", stored(l.roles["imported"])},
		{logical.CreateOperation, "roles/people", stored(l.roles["people"])},
		{logical.ListOperation, "roles/", nil},
		{logical.ReadOperation, "creds/ci", nil},
		{logical.UpdateOperation, "creds/ci", with("ttl", "10m", "renew_mode", "none")},
		{logical.ReadOperation, "creds/pat", nil},
		{logical.ReadOperation, "static-creds/pat", nil},
		{logical.UpdateOperation, "authorize/people", nil},
		{logical.UpdateOperation, "sessions/people", l.signIn},
		{logical.UpdateOperation, "sessions/imported", l.broughtToken},
		{logical.ReadOperation, "sessions/people", nil},
		{logical.ReadOperation, "sessions/imported", nil},
		{logical.ListOperation, "sessions/", nil},
		{logical.ReadOperation, "creds/people", nil},
		{logical.ReadOperation, "status", nil},
		{logical.ReadOperation, "metrics", nil},
		{logical.ReadOperation, "metrics", func() map[string]any { return map[string]any{"format": "prometheus"} }},
		{logical.ReadOperation, "status/ci", with("unmanaged", true)},
		{logical.ReadOperation, "status/pat", with("unmanaged", true)},
		{logical.CreateOperation, "roles/turned", func() map[string]any {
			return map[string]any{"username": "turner", "password": l.Pm.User("turner").Password}
		}},
		{logical.UpdateOperation, "rotate-role/turned", nil},
		{logical.UpdateOperation, "tidy", nil},
		{logical.ListOperation, "credentials/", nil},
		{logical.UpdateOperation, "credentials/revoke", with("role", "pat")},
		{logical.UpdateOperation, "credentials/revoke", with("all", true)},
	}
}

func (l *leakDrive) driveOperations() {
	l.T.Helper()
	for _, r := range l.requests() {
		l.sendRequest(r)
	}
	for _, role := range []string{"ci", "pat"} {
		resp := l.send(logical.ReadOperation, "creds/"+role, nil)
		require.NotNil(l.T, resp, l.Log.String())
		id := resp.Data["credential_id"].(string)
		l.send(logical.ReadOperation, "credentials/"+id, nil)
		l.put("credentials/"+id+"/revoke", nil)
		l.put("credentials/"+id+"/revoke", nil)
	}
	for _, path := range l.Backend.Framework().Paths {
		resp, err := l.Do(logical.HelpOperation, l.exampleOf(path), nil)
		l.note("help "+path.Pattern, resp, err)
	}
}

// exampleOf is a path that the pattern matches.
func (l *leakDrive) exampleOf(path *framework.Path) string {
	l.T.Helper()
	const id = "credentials/0sh40jd4tpoi5dbcoke41r"
	for _, r := range append(l.requests(), request{path: id}, request{path: id + "/revoke"}) {
		if matches(path, r.path) {
			return r.path
		}
	}
	require.Fail(l.T, "the drive has no request for "+path.Pattern)
	return ""
}

func (l *leakDrive) sendRequest(r request) {
	l.T.Helper()
	var data map[string]any
	if r.data != nil {
		data = r.data()
	}
	l.send(r.operation, r.path, data)
}

// signIn is what a person brings back from a browser.
func (l *leakDrive) signIn() map[string]any {
	l.T.Helper()
	resp := l.send(logical.UpdateOperation, "authorize/people", nil)
	if resp == nil {
		return nil
	}
	address, err := url.Parse(resp.Data["authorization_url"].(string))
	require.NoError(l.T, err)
	query := address.Query()
	code := l.Pm.AuthorizationCode(processmakertest.Approval{
		ClientID: 2, Username: "alice", RedirectURI: query.Get("redirect_uri"),
		CodeChallenge: query.Get("code_challenge"), CodeChallengeMethod: query.Get("code_challenge_method"),
	})
	l.secrets.Add("state", query.Get("state"))
	l.secrets.Add("code", code)
	return map[string]any{"state": query.Get("state"), "code": code}
}

// broughtToken is a refresh token that somebody brings along.
func (l *leakDrive) broughtToken() map[string]any {
	l.T.Helper()
	bound, err := l.Backend.Engine().Roles.Bind(context.Background(), "ci")
	if err != nil {
		return map[string]any{"refresh_token": l.secrets.Make("refresh token")}
	}
	grant, err := l.Backend.Engine().Tokens.Login(context.Background(), bound)
	if err != nil {
		return map[string]any{"refresh_token": l.secrets.Make("refresh token")}
	}
	return map[string]any{"refresh_token": grant.Refresh}
}

// lend reads a credential with a lease.
func (l *leakDrive) lend(role string) *mounttest.Lease {
	l.T.Helper()
	resp := l.send(logical.ReadOperation, "creds/"+role, nil)
	if resp == nil {
		return nil
	}
	return l.Register("creds/"+role, resp)
}

func (l *leakDrive) renewAndRevoke(lent *mounttest.Lease) {
	l.T.Helper()
	if lent == nil {
		return
	}
	l.Clock.Advance(time.Minute)
	resp, err := lent.TryRenew(context.Background())
	l.note("renew", resp, err)
	err = lent.TryRevoke()
	l.note("revoke", nil, err)
}

// driveLeases renews and revokes, and lets a refresh fail for good.
func (l *leakDrive) driveLeases() {
	l.T.Helper()
	l.calm()
	for _, role := range []string{"ci", "pat", "people"} {
		l.renewAndRevoke(l.lend(role))
	}
	lent := l.lend("ci")
	l.Clock.Advance(time.Hour / 2)
	l.Pm.RotateAppKey()
	l.renewAndRevoke(lent) // by a second login
	require.True(l.T, l.succeeded["renew"] && l.succeeded["revoke"], fmt.Sprint(l.failed))
}
