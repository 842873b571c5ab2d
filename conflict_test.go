package main

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// Another node stores another session while this one refreshes a dead one.
func TestASessionThatAnotherNodeRenewedIsAConflict(t *testing.T) {
	t.Parallel()
	h := newPersonalHarness(t, nil)
	h.issue(nil)
	seen := h.session()
	h.clock.Advance(time.Hour)
	h.pm.RevokeTokenByID(seen.TokenID)
	h.pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
		other := *seen
		other.TokenID = "another node's"
		value, err := json.Marshal(other)
		require.NoError(t, err)
		require.NoError(t, h.storage.Storage.Put(context.Background(), &logical.StorageEntry{Key: "session/ci", Value: value}))
		return status, body
	})})

	resp, err := h.do(logical.ReadOperation, "creds/ci", nil)
	require.Equal(t, 409, status(resp, err), message(resp, err))
}

// The status of an answer says whose turn it is.
func TestEveryKindOfErrorHasItsStatus(t *testing.T) {
	t.Parallel()
	upstream := func(kind client.Kind) error { return &client.Error{Kind: kind, Operation: "test"} }
	for name, test := range map[string]struct {
		err    error
		status int
	}{
		"refusal":                       {&refusal{text: "no"}, 400},
		"grant dead":                    {upstream(client.GrantDead), 400},
		"client refused":                {upstream(client.ClientRefused), 400},
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
		"role changed meanwhile":        {errRoleOvertaken, 409},
		"session over":                  {errSessionOver, 409},
		"config gone":                   {errConfigGone, 409},
		"password changed elsewhere":    {errPasswordOvertaken, 409},
		"pair renewed by another node":  {errOvertaken, 409},
		"role written at the same time": {errRoleMoved("ci"), 409},
		"config written meanwhile":      {errSettingsMoved, 409},
		"storage":                       {errDiskFull, 500},
		"wrapped":                       {errors.Join(errors.New("more"), upstream(client.Unavailable)), 502},
		"explained":                     {&explained{"in words", upstream(client.Throttled)}, 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, err := upstreamAnswer("text", test.err)
			require.Equal(t, test.status, status(resp, err))
			require.Equal(t, "text", message(resp, err))
		})
	}
}
