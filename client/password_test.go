package client_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
)

const newPassword = "N3w-password!"

func TestChangePassword(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	bearer := f.sign(t).Access
	f.pm.ResetLog()
	require.NoError(t, f.client.ChangePassword(context.Background(), bearer, newPassword))
	require.Equal(t, newPassword, f.pm.User("alice").Password)
	require.Equal(t, 1, f.pm.Count())
	alive, err := f.client.TokenAlive(context.Background(), bearer)
	require.NoError(t, err)
	require.True(t, alive, "no token ends by it")
	_, err = f.client.For(ci).PasswordGrant(context.Background(), f.auth, f.login)
	require.Equal(t, client.GrantDead, client.KindOf(err))
}

// TestWhatAFailedPasswordChangeLeaves: who gets an error must learn whether
// the old password holds, and never from a text that repeats the new one.
func TestWhatAFailedPasswordChangeLeaves(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		effect   processmakertest.Effect
		password string
		kind     client.Kind
		holds    bool // the old password, for sure
		changed  bool
	}{
		"refused":                {password: "short", kind: client.PasswordRefused, holds: true},
		"a failed save":          {effect: processmakertest.FailedSave(), kind: client.Unavailable},
		"success in other words": {effect: processmakertest.AnswerAfter(200, http.Header{"Content-Type": {"application/json"}}, `{"success":true}`), kind: client.Unavailable, changed: true},
		"success as a list":      {effect: jsonAnswer(200, `["success","ok"]`), kind: client.Unavailable},
		"a page":                 {effect: processmakertest.HTMLPage(200), kind: client.NotProcessMaker},
		"an empty success":       {effect: processmakertest.Answer(204, nil, ""), kind: client.NotProcessMaker},
		"lost before":            {effect: processmakertest.Refuse(), kind: client.Unavailable},
		"lost after":             {effect: processmakertest.LoseAnswer(), kind: client.Unavailable, changed: true},
		"cut after":              {effect: processmakertest.Truncated(), kind: client.Unavailable, changed: true},
		"server error":           {effect: processmakertest.ServerError(), kind: client.Unavailable},
		"throttled":              {effect: processmakertest.Throttled(7), kind: client.Throttled, holds: true},
		"not allowed":            {effect: jsonAnswer(403, `{"message":"no"}`), kind: client.Forbidden, holds: true},
		"token refused":          {effect: jsonAnswer(401, `{"error":"Unauthenticated."}`), kind: client.TokenRefused, holds: true},
		"a gateway's 401":        {effect: jsonAnswer(401, `{}`), kind: client.NotProcessMaker},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			bearer := f.sign(t).Access
			// Old enough that a refusal is believed at once.
			f.clock.Advance(time.Minute)
			if test.password == "" {
				test.password = newPassword
				f.pm.Inject(processmakertest.Fault{On: processmakertest.ChangePassword, Do: test.effect})
			}
			before := f.pm.User("alice").Password
			err := f.client.ChangePassword(context.Background(), bearer, test.password)
			require.Equal(t, test.kind, client.KindOf(err), "%v", err)
			require.Equal(t, test.holds, client.LeftThePassword(err), "%v", err)
			require.Equal(t, test.changed, f.pm.User("alice").Password != before)
			require.NotContains(t, err.Error(), test.password)
			require.NotContains(t, err.Error(), bearer.Value)
		})
	}
}

func TestAnOldReleaseHasNoPasswordChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *processmakertest.Config) { c.Release = "4.2.18" })
	err := f.client.ChangePassword(context.Background(), f.sign(t).Access, newPassword)
	require.Equal(t, client.NotFound, client.KindOf(err))
	require.True(t, client.LeftThePassword(err))
	require.ErrorContains(t, err, "4.2.19")
}
