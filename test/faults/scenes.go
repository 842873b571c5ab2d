package faults

import (
	"context"
	"hash/crc32"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/role"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

// scene is a mount on which one request is about to be made.
type scene struct {
	*mounttest.Mount
	// act makes the request. What it answers is not looked at.
	act func()
	// works shows that the role issues afterwards, perhaps after what an
	// operator has to do.
	works func()
	// leases are those that Vault revokes in the end.
	leases []*mounttest.Lease
	// foreign are tokens that the engine did not make.
	foreign []string
}

func newScene(h *mounttest.Mount, act func(s *scene)) *scene {
	s := &scene{Mount: h}
	s.act = func() { act(s) }
	s.works = s.issues
	return s
}

// issues hands out a credential and ends it.
func (s *scene) issues() {
	s.T.Helper()
	l := s.Issue(nil)
	require.True(s.T, s.Pm.Accepts(l.Token()))
	require.NoError(s.T, l.TryRevoke())
	require.False(s.T, s.Pm.Accepts(l.Token()))
}

func (s *scene) lease() *mounttest.Lease {
	l := s.Issue(nil)
	s.leases = append(s.leases, l)
	return l
}

// takes reads and keeps the lease, as Vault does with an answer that reached it.
func (s *scene) takes(path string) {
	resp, err := s.Do(logical.ReadOperation, path, nil)
	if mounttest.Status(resp, err) == 200 && resp.Secret != nil {
		s.leases = append(s.leases, s.Register(path, resp))
	}
}

// writes makes a write as Vault does; the existence check may fail too.
func (s *scene) writes(path string, data map[string]any) { _, _ = s.Write(path, data) }

func (s *scene) deletes(path string) { _, _ = s.Do(logical.DeleteOperation, path, nil) }

// renews as Vault does: the lease takes what a good answer says.
func (s *scene) renews(l *mounttest.Lease) { _, _ = l.TryRenew(context.Background()) }

// age lets tokens get old enough to be refused for good.
func (s *scene) age() *scene {
	s.Clock.Advance(30 * time.Minute)
	return s
}

// scenes are all requests that touch tokens, in the states that matter. Each
// is prepared anew for every run.
func scenes(mount mounttest.Maker) map[string]func(*testing.T) *scene {
	all := map[string]func(*testing.T) *scene{}
	for _, some := range []map[string]func(*testing.T) *scene{leaseScenes(mount), sessionScenes(mount), operatorScenes(mount)} {
		for name, prepare := range some {
			all[name] = prepare
		}
	}
	return all
}

// sampled tells whether a row of a large table is run.
func sampled(row string) bool { return crc32.ChecksumIEEE([]byte(row))%mounttest.OneIn == 0 }

func leaseScenes(mount mounttest.Maker) map[string]func(*testing.T) *scene {
	admin := func(h *mounttest.Mount) map[string]any {
		return map[string]any{"username": "admin", "password": h.Pm.User("admin").Password, "user_id": "2"}
	}
	static := func(t *testing.T, kind string, rotated bool) *scene {
		h := mounttest.NewStatic(t, mount, map[string]any{"credential_type": kind})
		if rotated {
			h.Read("static-creds/ci")
			h.Clock.Advance(time.Hour)
		}
		return newScene(h, func(s *scene) { s.takes("static-creds/ci") })
	}
	return map[string]func(*testing.T) *scene{
		"issue": func(t *testing.T) *scene {
			return newScene(mounttest.NewReady(t, mount, nil), func(s *scene) { s.takes("creds/ci") })
		},
		"issue to a twin": func(t *testing.T) *scene {
			h := mounttest.NewTwin(t, mount, nil)
			h.Pm.SetClientOwner(3, 1)
			return newScene(h, func(s *scene) { s.takes("creds/ci") })
		},
		"issue by a new plugin": func(t *testing.T) *scene {
			h := mounttest.NewReady(t, mount, nil)
			h.Restart()
			return newScene(h, func(s *scene) { s.takes("creds/ci") })
		},
		"first personal token": func(t *testing.T) *scene {
			return newScene(mounttest.NewPersonal(t, mount, nil), func(s *scene) { s.takes("creds/ci") })
		},
		"personal token for another user": func(t *testing.T) *scene {
			h := mounttest.NewPersonal(t, mount, nil)
			h.MustWrite("roles/ci", admin(h))
			s := newScene(h, func(s *scene) { s.takes("creds/ci") })
			s.lease()
			return s.age()
		},
		"personal token with a dead session": func(t *testing.T) *scene {
			s := newScene(mounttest.NewPersonal(t, mount, nil), func(s *scene) { s.takes("creds/ci") })
			s.lease()
			s.age().Pm.RevokeTokenByID(s.Session().TokenID)
			return s
		},
		"personal token with a lost session": func(t *testing.T) *scene {
			s := newScene(mounttest.NewPersonal(t, mount, nil), func(s *scene) { s.takes("creds/ci") })
			s.lease()
			s.age().Pm.RevokeTokenByID(s.Session().TokenID)
			s.Pm.RotateAppKey()
			return s
		},
		"renewal": func(t *testing.T) *scene {
			s := newScene(mounttest.NewReady(t, mount, nil), func(s *scene) { s.renews(s.leases[0]) })
			s.lease()
			return s.age()
		},
		"renewal whose refresh token is dead": func(t *testing.T) *scene {
			s := newScene(mounttest.NewReady(t, mount, nil), func(s *scene) { s.renews(s.leases[0]) })
			s.lease()
			s.age().Pm.RotateAppKey()
			return s
		},
		"revocation": func(t *testing.T) *scene {
			s := newScene(mounttest.NewReady(t, mount, nil), func(s *scene) { _ = s.leases[0].TryRevoke() })
			s.lease()
			return s.age()
		},
		"revocation of a personal token": func(t *testing.T) *scene {
			s := newScene(mounttest.NewPersonal(t, mount, nil), func(s *scene) { _ = s.leases[0].TryRevoke() })
			s.lease()
			return s.age()
		},
		"revocation of a personal token by its name": func(t *testing.T) *scene {
			s := newScene(mounttest.NewPersonal(t, mount, nil), func(s *scene) { _ = s.leases[0].TryRevoke() })
			s.lease().Data = nil
			return s.age()
		},
		"first shared credential":          func(t *testing.T) *scene { return static(t, "access_token", false) },
		"rotation":                         func(t *testing.T) *scene { return static(t, "access_token", true) },
		"first shared personal token":      func(t *testing.T) *scene { return static(t, "personal_access_token", false) },
		"rotation of a personal token":     func(t *testing.T) *scene { return static(t, "personal_access_token", true) },
		"rotation with a credential alive": func(t *testing.T) *scene { return static(t, "access_token", true).age() },
	}
}

func sessionScenes(mount mounttest.Maker) map[string]func(*testing.T) *scene {
	signIn := func(t *testing.T, begun bool, username string, signedInAs ...string) *scene {
		h := mounttest.NewSignIn(t, mount, nil)
		signsIn := func(username string) {
			state, code := h.Begin(username)
			resp, err := h.Complete(state, code)
			require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
		}
		for _, username := range signedInAs {
			signsIn(username)
			h.Clock.Advance(time.Minute)
		}
		s := newScene(h, func(s *scene) { _, _ = s.Do(logical.UpdateOperation, "authorize/ci", nil) })
		if begun {
			state, code := h.Begin(username)
			s.act = func() { _, _ = h.Complete(state, code) }
		}
		s.works = func() {
			if h.Read("sessions/ci")["state"] != "active" {
				signsIn("alice")
			}
			s.issues()
		}
		return s
	}
	imports := func(t *testing.T, before bool) *scene {
		h := mounttest.New(t, mount)
		h.MustWrite("config", h.ConfigData())
		h.MustWrite("roles/ci", map[string]any{"grant_type": "refresh_token", "credential_type": "personal_access_token"})
		s := newScene(h, nil)
		bring := func() string {
			inst, err := h.Backend.Engine().Instances.Current(context.Background())
			require.NoError(t, err)
			bound, err := role.Draft("", &role.Role{URL: h.Pm.URL(), GrantType: role.GrantTypePassword, Username: "alice", Password: h.Pm.User("alice").Password}, inst)
			require.NoError(t, err)
			grant, err := h.Backend.Engine().Tokens.Login(context.Background(), bound)
			require.NoError(t, err)
			s.foreign = append(s.foreign, grant.Access.ID)
			return grant.Refresh
		}
		imported := func(token string) (*logical.Response, error) {
			return h.Do(logical.UpdateOperation, "sessions/ci", map[string]any{"refresh_token": token})
		}
		mustImport := func() {
			resp, err := imported(bring())
			require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
		}
		if before {
			mustImport()
			s.age()
		}
		brought := bring()
		s.act = func() { _, _ = imported(brought) }
		s.works = func() {
			if h.Read("sessions/ci")["state"] != "active" {
				mustImport()
			}
			if resp, err := h.Do(logical.ReadOperation, "creds/ci", nil); mounttest.Status(resp, err) != 200 {
				mustImport() // the session turned out to be lost
			}
			s.issues()
		}
		return s
	}
	return map[string]func(*testing.T) *scene{
		"authorization":            func(t *testing.T) *scene { return signIn(t, false, "") },
		"sign-in":                  func(t *testing.T) *scene { return signIn(t, true, "alice") },
		"sign-in once more":        func(t *testing.T) *scene { return signIn(t, true, "alice", "alice") },
		"sign-in by somebody else": func(t *testing.T) *scene { return signIn(t, true, "admin", "alice") },
		"import":                   func(t *testing.T) *scene { return imports(t, false) },
		"import once more":         func(t *testing.T) *scene { return imports(t, true) },
		"end of a session": func(t *testing.T) *scene {
			s := newScene(mounttest.NewPersonal(t, mount, nil), func(s *scene) { s.deletes("sessions/ci") })
			s.lease()
			return s.age()
		},
		"renewal of an old session": func(t *testing.T) *scene {
			s := newScene(mounttest.NewPersonal(t, mount, nil), func(s *scene) { s.Backend.Engine().KeepUp(context.Background()) })
			s.issues()
			s.Clock.Advance(250 * 24 * time.Hour)
			return s
		},
	}
}
