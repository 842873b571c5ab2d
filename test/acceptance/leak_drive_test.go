//go:build unix

package acceptance

import (
	"fmt"
	"net/http"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// driveSuccess walks every path that works.
func (l *leakTest) driveSuccess() {
	l.t.Helper()
	l.write("config", l.config)
	l.get("config")
	l.patch("config", fields{"request_timeout": "1s"})
	l.write("roles/ci", merge(l.role, fields{"verify": true}))
	l.write("roles/own", l.ownRole)
	l.patch("roles/own", fields{"client_secret": l.ownClientSecret, "password": l.password})
	l.get("roles/ci")
	l.get("roles/own")
	_, err := l.client.Logical().List(l.at("roles"))
	require.NoError(l.t, err)
	for _, path := range []string{"", "config", "roles/ci", "creds/ci", "rotate-role/ci"} {
		_, err := l.client.Help(l.at(path))
		require.NoError(l.t, err)
	}

	for _, role := range []string{"ci", "own"} {
		for _, mode := range []string{"refresh", "extend", "none"} {
			c := l.mount.read(role, "renew_mode", mode)
			if mode != "none" {
				c = l.renew(c, 7200)
			}
			_, err := l.client.Sys().Lookup(c.LeaseID)
			require.NoError(l.t, err)
			l.revoke(c)
		}
		l.write("creds/"+role, fields{"ttl": "10m"})
	}
	c := l.mount.read("ci")
	_, err = l.client.Sys().ReloadPlugin(&api.ReloadPluginInput{Mounts: []string{l.path}})
	require.NoError(l.t, err)
	l.pm.RotateAppKey()
	l.revoke(l.renew(c, 7200)) // by a second login
	l.delete("roles/own")
	l.driveRotation()
}

// driveRotation changes the password, with and without success, and puts the
// first one back.
func (l *leakTest) driveRotation() {
	l.t.Helper()
	l.write("rotate-role/ci", nil)
	l.found.add("rotated password", l.pm.User("alice").Password)
	for _, effect := range []processmakertest.Effect{
		processmakertest.FailedSave(),
		processmakertest.LoseAnswer(),
		processmakertest.HTMLPage(http.StatusBadGateway),
		processmakertest.Redirect("https://127.0.0.1:1/?" + l.password),
	} {
		l.pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: effect})
		l.attempt(http.MethodPost, "rotate-role/ci", fields{"update_all": true})
		l.found.add("rotated password", l.pm.User("alice").Password)
		l.attempt(http.MethodGet, "creds/ci", nil)
	}
	l.pm.SetPassword("alice", l.password)
	l.write("roles/ci", l.role)
}

// driveMistakes makes the mistakes that people make with secrets: in a field
// for another, in the wrong shape, or simply wrong.
func (l *leakTest) driveMistakes() {
	l.t.Helper()
	for i, mistake := range l.configMistakes() {
		change := mistake(l.secret(fmt.Sprintf("config mistake %d", i)))
		l.attemptChange("config", change)
		l.write("config", l.config)
	}
	for i, mistake := range l.roleMistakes() {
		change := mistake(l.secret(fmt.Sprintf("role mistake %d", i)))
		l.attemptChange("roles/ci", change)
		l.delete("roles/ci")
		l.write("roles/ci", l.role)
	}
	_, _ = l.tryRead("no-such-role")
}

// attemptChange writes in both ways, and looks at what can be read afterwards.
func (l *leakTest) attemptChange(path string, change fields) {
	l.t.Helper()
	l.attempt(http.MethodPost, path, change)
	l.attempt(http.MethodPatch, path, change)
	l.attempt(http.MethodGet, path, nil)
	l.attempt(http.MethodGet, "creds/ci", nil)
}

// configMistakes are writes of the config with a secret that is not to be seen.
func (l *leakTest) configMistakes() []func(secret string) fields {
	asPEM := func(kind, secret string) string {
		return "-----BEGIN " + kind + "-----\n" + secret + "\n-----END " + kind + "-----\n"
	}
	withProof := func(field, value string) fields {
		return fields{field: value, "client_secret": l.clientSecret}
	}
	key := l.config["client_key"]
	return []func(string) fields{
		0:  func(s string) fields { return fields{"client_key": asPEM("PRIVATE KEY", s)} },
		1:  func(s string) fields { return fields{"client_key": s} },
		2:  func(s string) fields { return fields{"client_cert": key, "client_key": s} },
		3:  func(string) fields { return fields{"ca_cert": key} },
		4:  func(s string) fields { return fields{"ca_cert": asPEM("PRIVATE KEY", s)} },
		5:  func(s string) fields { return withProof("proxy_url", "http://vault:"+s+"@bad host:1") },
		6:  func(s string) fields { return withProof("proxy_url", "http://vault:"+s+"@127.0.0.1:1") },
		7:  func(s string) fields { return withProof("proxy_url", "ftp://vault:"+s+"@127.0.0.1:1") },
		8:  func(s string) fields { return withProof("proxy_url", "http://vault:"+s+"@127.0.0.1:port") },
		9:  func(s string) fields { return withProof("proxy_url", l.proxy.url(l.t, "vault", s)) },
		10: func(s string) fields { return withProof("url", "https://vault:"+s+"@127.0.0.1:1") },
		11: func(s string) fields { return withProof("url", "https://vault:"+s+"@127.0.0.1:port") },
		12: func(s string) fields { return withProof("url", "https://127.0.0.1:1/?key="+s) },
		13: func(s string) fields { return fields{"client_secret": fields{"nested": s}} },
		14: func(s string) fields { return fields{"client_secret": []string{s, s}} },
		15: func(s string) fields { return fields{"client_key": fields{"nested": s}} },
		16: func(s string) fields { return fields{"proxy_url": fields{"nested": s}} },
		17: func(s string) fields { return fields{"client_secret": s, "no_such_field": s} },
		18: func(s string) fields { return fields{"password": s} },
	}
}

// roleMistakes are writes of a role with a secret that is not to be seen.
func (l *leakTest) roleMistakes() []func(secret string) fields {
	return []func(string) fields{
		0: func(s string) fields { return fields{"password": s, "verify": true} },
		1: func(s string) fields { return fields{"password": s} },
		2: func(s string) fields { return fields{"client_id": "4", "client_secret": s, "verify": true} },
		3: func(s string) fields { return fields{"client_id": "4", "client_secret": s} },
		4: func(s string) fields { return fields{"password": fields{"nested": s}} },
		5: func(s string) fields { return fields{"password": []string{s, s}} },
		6: func(s string) fields { return fields{"client_id": "4", "client_secret": fields{"nested": s}} },
		7: func(s string) fields { return fields{"password": s, "no_such_field": s} },
		8: func(s string) fields { return fields{"passwort": s} },
	}
}
