package faults

import (
	"context"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
)

// operatorScenes are requests of operators.
func operatorScenes(mount mounttest.Maker) map[string]func(*testing.T) *scene {
	// full is a mount with credentials of every kind.
	full := func(t *testing.T, act func(s *scene)) *scene {
		h := mounttest.NewStatic(t, mount, map[string]any{
			"credential_type": "personal_access_token", "ttl": "10m", "max_ttl": "10m", "rotation_period": "11m", "rotation_overlap": "1m",
		})
		s := newScene(h, act)
		s.lease()
		h.Read("static-creds/ci")
		h.Clock.Advance(2 * time.Minute)
		return s
	}
	asAdmin := func(h *mounttest.Mount) map[string]any {
		return map[string]any{"username": "admin", "password": h.Pm.User("admin").Password}
	}
	rewrites := func(s *scene) func() {
		return func() {
			s.MustWrite("config", s.ConfigData())
			s.MustWrite("roles/ci", s.RoleData(map[string]any{"credential_type": "personal_access_token"}))
			s.issues()
		}
	}
	ends := func(path string, data map[string]any) func(*testing.T) *scene {
		return func(t *testing.T) *scene {
			s := full(t, func(s *scene) { _, _ = s.Do(logical.UpdateOperation, path, data) })
			s.Clock.Advance(10 * time.Minute)
			return s
		}
	}
	return map[string]func(*testing.T) *scene{
		"tidy":          ends("tidy", nil),
		"end of all":    ends("credentials/revoke", map[string]any{"all": true}),
		"end of a role": ends("credentials/revoke", map[string]any{"role": "ci"}),
		"end of a credential": func(t *testing.T) *scene {
			return full(t, func(s *scene) {
				_, _ = s.Do(logical.UpdateOperation, "credentials/"+string(s.leases[0].Id())+"/revoke", nil)
			})
		},
		"end of a shared credential": func(t *testing.T) *scene {
			s := full(t, nil)
			id := s.Read("static-creds/ci")["credential_id"].(string)
			s.act = func() { _, _ = s.Do(logical.UpdateOperation, "credentials/"+id+"/revoke", nil) }
			return s
		},
		"clean-up": func(t *testing.T) *scene {
			s := full(t, func(s *scene) {
				s.Backend.Engine().Tick()
				_ = s.Backend.Engine().Background.Wait(context.Background())
			})
			s.Clock.Advance(10 * time.Minute)
			return s
		},
		"new role": func(t *testing.T) *scene {
			h := mounttest.New(t, mount)
			h.MustWrite("config", h.ConfigData())
			s := newScene(h, func(s *scene) { s.writes("roles/ci", s.RoleData(map[string]any{"verify": true})) })
			s.works = func() {
				s.MustWrite("roles/ci", s.RoleData(nil))
				s.issues()
			}
			return s
		},
		"change of a role's user": func(t *testing.T) *scene {
			return full(t, func(s *scene) { s.writes("roles/ci", asAdmin(s.Mount)) })
		},
		"change of a role's kind": func(t *testing.T) *scene {
			return full(t, func(s *scene) {
				s.writes("roles/ci", map[string]any{"credential_type": "access_token", "rotation_period": 0})
			})
		},
		"deletion of a role": func(t *testing.T) *scene {
			s := full(t, func(s *scene) { s.deletes("roles/ci") })
			s.works = rewrites(s)
			return s
		},
		"new config": func(t *testing.T) *scene {
			h := mounttest.New(t, mount)
			s := newScene(h, func(s *scene) { s.writes("config", s.ConfigData()) })
			s.works = rewrites(s)
			return s
		},
		"change of the config": func(t *testing.T) *scene {
			return full(t, func(s *scene) { s.writes("config", map[string]any{"request_timeout": "7s"}) })
		},
		"move to another instance": func(t *testing.T) *scene {
			h := mounttest.NewPersonal(t, mount, nil)
			elsewhere := mounttest.New(t, mount)
			s := newScene(h, func(s *scene) {
				s.writes("config", map[string]any{"url": elsewhere.Pm.URL(), "client_secret": elsewhere.Pm.Client(3).Secret})
			})
			s.issues()
			s.age()
			s.works = rewrites(s)
			return s
		},
		"deletion of the config": func(t *testing.T) *scene {
			s := full(t, func(s *scene) { s.deletes("config") })
			s.works = rewrites(s)
			return s
		},
		"deletion of a quiet mount's config": func(t *testing.T) *scene {
			h := mounttest.NewPersonal(t, mount, nil)
			s := newScene(h, func(s *scene) { s.deletes("config") })
			s.issues()
			s.age()
			s.works = rewrites(s)
			return s
		},
	}
}
