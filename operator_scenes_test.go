package main

import (
	"context"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

// operatorScenes are requests of operators.
func operatorScenes() map[string]func(*testing.T) *scene {
	// full is a mount with credentials of every kind.
	full := func(t *testing.T, act func(s *scene)) *scene {
		h := newStaticHarness(t, map[string]any{
			"credential_type": "personal_access_token", "ttl": "10m", "max_ttl": "10m", "rotation_period": "11m", "rotation_overlap": "1m",
		})
		s := newScene(h, act)
		s.lease()
		h.read("static-creds/ci")
		h.clock.Advance(2 * time.Minute)
		return s
	}
	asAdmin := func(h *harness) map[string]any {
		return map[string]any{"username": "admin", "password": h.pm.User("admin").Password}
	}
	rewrites := func(s *scene) func() {
		return func() {
			s.mustWrite("config", s.configData())
			s.mustWrite("roles/ci", s.roleData(map[string]any{"credential_type": "personal_access_token"}))
			s.issues()
		}
	}
	tidies := func(data map[string]any) func(*testing.T) *scene {
		return func(t *testing.T) *scene {
			s := full(t, func(s *scene) { _, _ = s.do(logical.UpdateOperation, "tidy", data) })
			s.clock.Advance(10 * time.Minute)
			return s
		}
	}
	return map[string]func(*testing.T) *scene{
		"tidy":          tidies(nil),
		"tidy of all":   tidies(map[string]any{"all": true}),
		"tidy of roles": tidies(map[string]any{"role": "ci"}),
		"end of a credential": func(t *testing.T) *scene {
			return full(t, func(s *scene) {
				_, _ = s.do(logical.UpdateOperation, "credentials/"+string(s.leases[0].id())+"/revoke", nil)
			})
		},
		"end of a shared credential": func(t *testing.T) *scene {
			s := full(t, nil)
			id := s.read("static-creds/ci")["credential_id"].(string)
			s.act = func() { _, _ = s.do(logical.UpdateOperation, "credentials/"+id+"/revoke", nil) }
			return s
		},
		"clean-up": func(t *testing.T) *scene {
			s := full(t, func(s *scene) {
				s.backend.Engine().Tick()
				_ = s.backend.Engine().Background.Wait(context.Background())
			})
			s.clock.Advance(10 * time.Minute)
			return s
		},
		"new role": func(t *testing.T) *scene {
			h := newHarness(t)
			h.mustWrite("config", h.configData())
			s := newScene(h, func(s *scene) { s.writes("roles/ci", s.roleData(map[string]any{"verify": true})) })
			s.works = func() {
				s.mustWrite("roles/ci", s.roleData(nil))
				s.issues()
			}
			return s
		},
		"change of a role's user": func(t *testing.T) *scene {
			return full(t, func(s *scene) { s.writes("roles/ci", asAdmin(s.harness)) })
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
			h := newHarness(t)
			s := newScene(h, func(s *scene) { s.writes("config", s.configData()) })
			s.works = rewrites(s)
			return s
		},
		"change of the config": func(t *testing.T) *scene {
			return full(t, func(s *scene) { s.writes("config", map[string]any{"request_timeout": "7s"}) })
		},
		"move to another instance": func(t *testing.T) *scene {
			h := newPersonalHarness(t, nil)
			elsewhere := newHarness(t)
			s := newScene(h, func(s *scene) {
				s.writes("config", map[string]any{"url": elsewhere.pm.URL(), "client_secret": elsewhere.pm.Client(3).Secret})
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
			h := newPersonalHarness(t, nil)
			s := newScene(h, func(s *scene) { s.deletes("config") })
			s.issues()
			s.age()
			s.works = rewrites(s)
			return s
		},
	}
}
