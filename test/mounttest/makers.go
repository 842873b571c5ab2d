package mounttest

import (
	"crypto/rand"
	"testing"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// NewPersonal has a role "ci" that hands out personal access tokens.
func NewPersonal(t *testing.T, factory Maker, role map[string]any) *Mount {
	t.Helper()
	data := map[string]any{"credential_type": "personal_access_token"}
	for key, value := range role {
		data[key] = value
	}
	return NewReady(t, factory, data)
}

// NewSharedUser has two roles of alice. It starts with nothing in memory.
func NewSharedUser(t *testing.T, factory Maker) *Mount {
	t.Helper()
	h := NewReady(t, factory, nil)
	h.MustWrite("roles/other", h.RoleData(map[string]any{"credential_type": "personal_access_token"}))
	h.Restart()
	h.DrawFrom(rand.Reader)
	h.Pm.ResetLog()
	return h
}

// NewSignIn has a role "ci" that a person signs in to.
func NewSignIn(t *testing.T, factory Maker, role map[string]any, configure ...func(*processmakertest.Config)) *Mount {
	t.Helper()
	h := New(t, factory, configure...)
	h.MustWrite("config", h.ConfigData())
	data := map[string]any{
		"grant_type": "authorization_code", "credential_type": "personal_access_token", "redirect_uri": Callback,
		"client_id": "2", "client_secret": h.Pm.Client(2).Secret,
	}
	for key, value := range role {
		data[key] = value
	}
	h.MustWrite("roles/ci", data)
	h.Pm.ResetLog()
	return h
}

// Passport13 is the world in which twins are refused.
func Passport13(c *processmakertest.Config) { c.Passport = 13 }

// NewTwin has a role "ci" of user 3, who has the number of the mount's auth client.
func NewTwin(t *testing.T, factory Maker, role map[string]any) *Mount {
	t.Helper()
	h := New(t, factory, Passport13)
	h.Pm.AddUser(processmakertest.User{ID: 3, Username: "twin", Password: "twin's"})
	h.MustWrite("config", h.ConfigData())
	data := map[string]any{"username": "twin", "password": "twin's"}
	for key, value := range role {
		data[key] = value
	}
	h.MustWrite("roles/ci", data)
	return h
}

func NewStatic(t *testing.T, factory Maker, role map[string]any) *Mount {
	t.Helper()
	data := map[string]any{"rotation_period": "1h", "rotation_overlap": "10m"}
	for key, value := range role {
		data[key] = value
	}
	h := NewReady(t, factory, data)
	h.Tick()
	return h
}

const Callback = "http://127.0.0.1:8250/oauth/callback"

// NewUser is the user that lateReader gives the role to.
const NewUser = "robert"
