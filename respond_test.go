package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/engine/session"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

// Another node stores another session while this one refreshes a dead one.
func TestASessionThatAnotherNodeRenewedIsAConflict(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.Issue(nil)
	seen := h.Session()
	h.Clock.Advance(time.Hour)
	h.Pm.RevokeTokenByID(seen.TokenID)
	h.Pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		other := *seen
		other.TokenID = "another node's"
		value, err := json.Marshal(other)
		require.NoError(t, err)
		require.NoError(t, h.Storage.Storage.Put(context.Background(), &logical.StorageEntry{Key: "session/ci", Value: value}))
		return status, body
	})})

	resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Equal(t, 409, mounttest.Status(resp, err), mounttest.Message(resp, err))
}

// The status of an answer says whose turn it is.
func TestEveryKindOfErrorHasItsStatus(t *testing.T) {
	t.Parallel()
	upstream := func(kind client.Kind) error { return &client.Error{Kind: kind, Operation: "test"} }
	for name, test := range map[string]struct {
		err    error
		status int
	}{
		"refusal":                       {problem.Refuse("no", ""), 400},
		"grant dead":                    {upstream(client.GrantDead), 400},
		"client refused":                {upstream(client.ClientRefused), 400},
		"grant off for the client":      {upstream(client.GrantNotAllowed), 400},
		"grant not enabled":             {upstream(client.GrantNotEnabled), 400},
		"scope refused":                 {upstream(client.ScopeRefused), 400},
		"forbidden":                     {upstream(client.Forbidden), 400},
		"not found at ProcessMaker":     {upstream(client.NotFound), 400},
		"password refused":              {upstream(client.PasswordRefused), 400},
		"throttled":                     {upstream(client.Throttled), 503},
		"unavailable":                   {upstream(client.Unavailable), 502},
		"not a ProcessMaker":            {upstream(client.NotProcessMaker), 502},
		"unusable token":                {upstream(client.UnusableToken), 502},
		"token refused":                 {upstream(client.TokenRefused), 502},
		"bad request":                   {upstream(client.BadRequest), 500},
		"role changed meanwhile":        {problem.Conflictf("changed"), 409},
		"session over":                  {session.ErrOver, 409},
		"config gone":                   {session.ErrInstanceGone, 409},
		"password changed elsewhere":    {fmt.Errorf("role: %w", session.ErrOver), 409},
		"not found":                     {&problem.Error{Kind: problem.NotFound, Text: "none"}, 404},
		"role written at the same time": {problem.Explain(session.ErrOver, "in words"), 409},
		"config written meanwhile":      {instance.ErrMoved, 409},
		"storage":                       {mounttest.ErrDiskFull, 500},
		"wrapped":                       {errors.Join(errors.New("more"), upstream(client.Unavailable)), 502},
		"explained":                     {problem.Explain(upstream(client.Throttled), "in words"), 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, err := answerTo(&logical.Request{Operation: logical.ReadOperation}, test.err)
			require.Equal(t, test.status, mounttest.Status(resp, err))
			require.Equal(t, test.err.Error(), mounttest.Message(resp, err))
			wrapped := &logical.Request{Operation: logical.ReadOperation, WrapInfo: &logical.RequestWrapInfo{TTL: time.Minute}}
			resp, err = answerTo(wrapped, test.err)
			require.Equal(t, test.status, mounttest.Status(resp, err))
			require.True(t, err != nil || resp.IsError(), "Vault would wrap it")
			_, err = answerTo(&logical.Request{Operation: logical.RenewOperation}, test.err)
			require.Equal(t, test.err, err, "Vault makes every error about a lease a 400")
		})
	}
}
