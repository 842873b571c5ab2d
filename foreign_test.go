package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestForeignTokens(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"access_token", "personal_access_token"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, map[string]any{"credential_type": kind})
			l := h.Issue(nil)
			require.NotContains(t, h.Read("status/ci"), "foreign_tokens", "only when asked for")
			lives := func() int { return len(h.LiveIDs()) }
			foreign := func() []map[string]any {
				before := lives()
				resp, err := h.Do(logical.ReadOperation, "status/ci", map[string]any{"foreign": true})
				require.NoError(t, err)
				require.False(t, resp.IsError(), "%v", resp)
				require.Equal(t, before, lives(), "it ends none and leaves none behind")
				return resp.Data["foreign_tokens"].([]map[string]any)
			}
			require.Empty(t, foreign())

			// The holder of the credential makes others, one of them under a
			// name that looks like this mount's.
			disguise := "vault:5f0d43c3:ci:" + string(l.Id()[:6]) + "0123456789abcdef"
			mine := mintAs(h, l, "mine")
			mintedAs := mintAs(h, l, disguise)
			got := foreign()
			require.ElementsMatch(t, []any{mine, mintedAs}, []any{got[0]["id"], got[1]["id"]})
			require.Equal(t, h.Clock.Now().Format("2006-01-02"), got[0]["created_time"].(string)[:10])
			require.ElementsMatch(t, []any{"mine", disguise}, []any{got[0]["name"], got[1]["name"]})
		})
	}
}

// A token that the ledger is still to find is not foreign.
func TestLostTokensAreNotForeign(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"credential_type": "personal_access_token"})
	h.Issue(nil)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.CreateToken, Times: 1, Do: processmakertest.LoseAnswer()})
	_, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Error(t, err)
	require.Len(t, h.LivePersonal(), 2)
	h.Clock.Advance(time.Minute)
	resp, err := h.Do(logical.ReadOperation, "status/ci", map[string]any{"foreign": true})
	require.NoError(t, err)
	require.Empty(t, resp.Data["foreign_tokens"])
}

func TestForeignTokensOfATemplateHaveNoUser(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"credential_type": "personal_access_token", "user_id": "{{identity.entity.metadata.pm}}"})
	h.RefusedWrite(logical.ReadOperation, "status/ci", map[string]any{"foreign": true}, "identity template")
}

// mintAs makes a personal access token with the token of a lease, as its holder
// could.
func mintAs(h *mounttest.Mount, l *mounttest.Lease, name string) (id string) {
	h.T.Helper()
	s, err := h.Reader().Instances.Current(context.Background())
	require.NoError(h.T, err)
	record := h.Record(l.Id())
	bearer := record.Token()
	bearer.Value = l.Token()
	token, err := s.Client.CreatePersonalToken(context.Background(), bearer, record.UserID, name)
	require.NoError(h.T, err, fmt.Sprintf("as user %s", record.UserID))
	return token.ID
}
