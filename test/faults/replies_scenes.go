package faults

import (
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// talkingScenes are scenes in which every exchange of the engine is made, in
// every role that its answer can play.
func talkingScenes(mount mounttest.Maker) map[string]func(*testing.T) *scene {
	all := map[string]func(*testing.T) *scene{}
	for name, prepare := range scenes(mount) {
		switch name {
		case "issue", "first personal token", "personal token for another user", "personal token with a dead session",
			"renewal", "renewal whose refresh token is dead", "revocation", "revocation of a personal token",
			"revocation of a personal token by its name", "rotation", "sign-in once more", "sign-in by somebody else",
			"import", "end of a session", "new role", "new config", "renewal of an old session":
			all[name] = prepare
		}
	}
	all["change of the password"] = func(t *testing.T) *scene {
		h := mounttest.NewReady(t, mount, nil)
		s := newScene(h, func(s *scene) { _ = s.Rotate() })
		s.works = func() {
			s.issues()
			s.Tick() // an open change is settled by the housekeeping
			require.Empty(t, s.OpenChanges())
			require.Equal(t, s.Password(), s.StoredPassword("ci"))
		}
		return s
	}
	all["list of foreign tokens"] = func(t *testing.T) *scene {
		s := newScene(mounttest.NewPersonal(t, mount, nil), func(s *scene) {
			_, _ = s.Do(logical.ReadOperation, "status/ci", map[string]any{"unmanaged": true})
		})
		s.lease()
		return s.age()
	}
	all["status"] = func(t *testing.T) *scene {
		return newScene(mounttest.NewReady(t, mount, nil), func(s *scene) { _, _ = s.Do(logical.ReadOperation, "status", nil) })
	}
	all["renewal that asks for the old token"] = func(t *testing.T) *scene {
		s := newScene(mounttest.NewReady(t, mount, nil), func(s *scene) { s.renews(s.leases[0]) })
		s.lease()
		s.age().Pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.Refuse()})
		return s
	}
	all["renewal that asks for the dead token"] = func(t *testing.T) *scene {
		s := newScene(mounttest.NewReady(t, mount, nil), func(s *scene) { s.renews(s.leases[0]) })
		s.lease()
		s.age().Pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.AnswerAfter(502, nil, "<html>")})
		return s
	}
	for name, notFound := range map[string]processmakertest.Effect{
		"revocation that finds the token gone":  processmakertest.AnswerAfter(404, mounttest.JsonHeader(), `{"error":"Not Found"}`),
		"revocation that finds the token alive": processmakertest.Answer(404, mounttest.JsonHeader(), `{"error":"Not Found"}`),
	} {
		all[name] = func(t *testing.T) *scene {
			s := scenes(mount)["revocation of a personal token by its name"](t)
			remove, revokes := s.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: notFound}), s.act
			s.act = func() {
				revokes()
				remove() // it may have come to no revocation
			}
			return s
		}
	}
	all["dead session of a person"] = func(t *testing.T) *scene {
		h := mounttest.NewSignIn(t, mount, nil)
		signIn := func() {
			state, code := h.Begin("alice")
			resp, err := h.Complete(state, code)
			require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
		}
		signIn()
		s := newScene(h, func(s *scene) { s.takes("creds/ci") })
		s.lease()
		s.age().Pm.RevokeTokenByID(s.Session().TokenID)
		s.works = func() {
			if h.Read("sessions/ci")["state"] != "active" {
				signIn()
			}
			s.issues()
		}
		return s
	}
	return all
}
