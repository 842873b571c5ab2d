package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// unauthenticated is ProcessMaker's own refusal of a bearer token.
var unauthenticated = jsonAnswer(401, `{"error":"Unauthenticated."}`)

// bearerCalls is every call that is made with a bearer token.
var bearerCalls = map[string]struct {
	on   processmakertest.Endpoint
	call func(f *fixture, bearer client.Token) error
}{
	"RevokeToken": {processmakertest.DeleteToken, func(f *fixture, bearer client.Token) error {
		return f.client.RevokeToken(context.Background(), bearer)
	}},
	"TokenAlive": {processmakertest.ShowToken, func(f *fixture, bearer client.Token) error {
		_, err := f.client.TokenAlive(context.Background(), bearer)
		return err
	}},
	"CreatePersonalToken": {processmakertest.CreateToken, func(f *fixture, bearer client.Token) error {
		_, err := f.client.CreatePersonalToken(context.Background(), bearer, bearer.UserID, "n")
		return err
	}},
	"RevokeTokenOf": {processmakertest.DeleteToken, func(f *fixture, bearer client.Token) error {
		return f.client.RevokeTokenOf(context.Background(), bearer, bearer.UserID, bearer.ID)
	}},
	"PersonalTokens": {processmakertest.ListTokens, func(f *fixture, bearer client.Token) error {
		_, err := f.list(bearer)
		return err
	}},
	"ShowUser": {processmakertest.ShowUser, func(f *fixture, bearer client.Token) error {
		_, err := f.client.ShowUser(context.Background(), bearer, bearer.UserID)
		return err
	}},
	"ChangePassword": {processmakertest.ChangePassword, func(f *fixture, bearer client.Token) error {
		return f.client.ChangePassword(context.Background(), bearer, newPassword)
	}},
}

func TestEveryBearerCallWaitsForAYoungToken(t *testing.T) {
	t.Parallel()
	for name, test := range bearerCalls {
		for says, refusals := range map[string]struct {
			age     time.Duration
			refused int
			tries   int
		}{
			"refused once":         {0, 1, 2},
			"refused all the time": {0, -1, 6},
			"nearly ten seconds":   {9 * time.Second, -1, 2},
			"old":                  {10 * time.Second, -1, 1},
			"clock put back":       {-time.Second, -1, 1},
		} {
			t.Run(name+"/"+says, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				bearer := f.sign(t).Access
				bearer.NotBefore = time.Time{}
				f.clock.Advance(refusals.age)
				f.pm.Inject(processmakertest.Fault{On: test.on, Times: refusals.refused, Do: unauthenticated})
				err := test.call(f, bearer)
				require.Equal(t, refusals.tries, f.pm.Count(test.on))
				pauses := f.clock.Slept()
				require.Len(t, pauses, refusals.tries-1)
				for _, pause := range pauses {
					require.Equal(t, 2*time.Second, pause)
				}
				if kind := client.KindOf(err); kind != 0 && kind != client.Unavailable {
					require.Equal(t, client.TokenRefused, kind, "%v", err)
				}
			})
		}
	}
}

// TestARefusedTokenIsDeadOnceItIsSettled: a 401 that clocks can explain ends no
// custody.
func TestARefusedTokenIsDeadOnceItIsSettled(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		// notBefore counts from the receipt; 0 is unknown.
		notBefore, age time.Duration
		dead           bool
	}{
		"five repeats later":               {0, 0, true},
		"old":                              {0, time.Minute, true},
		"clock put back":                   {0, -time.Hour, true},
		"made long after it was asked for": {40 * time.Second, 35 * time.Second, false},
		"settled since":                    {40 * time.Second, 50 * time.Second, true},
		"another time than ours":           {time.Hour, time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			token := f.sign(t).Access
			token.NotBefore = time.Time{}
			if test.notBefore != 0 {
				token.NotBefore = token.ReceivedAt.Add(test.notBefore)
			}
			f.clock.Advance(test.age)
			f.pm.Inject(processmakertest.Fault{On: processmakertest.Any, Times: -1, Do: unauthenticated})
			err := f.client.RevokeToken(context.Background(), token)
			require.Equal(t, test.dead, err == nil, "%v", err)
			if !test.dead {
				require.Equal(t, client.Unavailable, client.KindOf(err))
				require.Equal(t, 6, f.pm.Count(processmakertest.DeleteToken))
			}
		})
	}
}

func TestANewTokenSaysFromWhenOnItIsGood(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	require.WithinDuration(t, noon, f.sign(t).Access.NotBefore, time.Second)
}

// TestAnAcceptedTokenIsNotWaitedFor: the first answer showed that the token is
// good, so a refusal after it says that it is dead.
func TestAnAcceptedTokenIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *processmakertest.Config) { c.Release = "4.15.6" })
	token := f.sign(t).Access
	f.pm.ResetLog()
	require.NoError(t, f.client.RevokeToken(context.Background(), token))
	require.Equal(t, 2, f.pm.Count(), "500, and the token asked")
	require.Empty(t, f.clock.Slept())
}
