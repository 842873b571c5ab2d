package mounttest

import (
	"context"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/role"
	"vault-plugin-secrets-processmaker/engine/session"
)

// HeldRefreshes makes refreshes wait, and says when the first has arrived.
func (h *Mount) HeldRefreshes() (arrived <-chan struct{}, release func()) {
	h.T.Helper()
	first, held := make(chan struct{}, 1), make(chan struct{})
	remove := h.Pm.Inject(processmakertest.Fault{
		On: processmakertest.RefreshGrant, Times: -1, Do: processmakertest.Hold(held),
		Match: func(*http.Request) bool {
			select {
			case first <- struct{}{}:
			default:
			}
			return true
		},
	})
	return first, func() {
		remove()
		close(held)
	}
}

// LivePersonal are the names of the personal access tokens that live.
func (h *Mount) LivePersonal() []string {
	names := []string{}
	for _, token := range h.Pm.LiveTokens() {
		if token.Name != "" {
			names = append(names, token.Name)
		}
	}
	return names
}

func (h *Mount) Session() *session.Session {
	h.T.Helper()
	stored, err := h.Reader().Sessions.Get(context.Background(), "ci")
	require.NoError(h.T, err)
	return stored
}

// WhileMinting runs do while a read is on its way to ProcessMaker with its
// session's token.
func (h *Mount) WhileMinting(do func()) {
	var done atomic.Bool
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Match: func(*http.Request) bool {
		if done.CompareAndSwap(false, true) {
			do()
		}
		return false
	}})
}

func (h *Mount) EndSession() {
	resp, err := h.Do(logical.DeleteOperation, "sessions/ci", nil)
	if err != nil || resp.IsError() {
		h.T.Errorf("the session could not be deleted: %s", Message(resp, err))
	}
}

// LateReader gives the role to another user. It returns what a reader knows that
// has loaded the role before.
func (h *Mount) LateReader() (former *role.Binding) {
	h.T.Helper()
	former = h.Bound("ci")
	h.Pm.AddUser(processmakertest.User{Username: NewUser, Password: "robert's"})
	h.MustWrite("roles/ci", map[string]any{"username": NewUser, "password": "robert's"})
	return former
}

// Begin starts a sign-in and gives the state and what username's sign-in at
// ProcessMaker answers.
func (h *Mount) Begin(username string) (state, code string) {
	h.T.Helper()
	resp, err := h.Do(logical.UpdateOperation, "authorize/ci", nil)
	require.NoError(h.T, err)
	require.False(h.T, resp.IsError(), "%v", resp)
	address, err := url.Parse(resp.Data["authorization_url"].(string))
	require.NoError(h.T, err)
	query := address.Query()
	require.Equal(h.T, "S256", query.Get("code_challenge_method"))
	require.Equal(h.T, resp.Data["state"], query.Get("state"))
	return query.Get("state"), h.Pm.AuthorizationCode(processmakertest.Approval{
		ClientID: 2, Username: username, RedirectURI: query.Get("redirect_uri"),
		CodeChallenge: query.Get("code_challenge"), CodeChallengeMethod: query.Get("code_challenge_method"),
	})
}

func (h *Mount) Complete(state, code string) (*logical.Response, error) {
	return h.Do(logical.UpdateOperation, "sessions/ci", map[string]any{"state": state, "code": code})
}
