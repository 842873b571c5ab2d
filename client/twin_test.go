package client_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// twin has a token of user 3 made through client 3.
func twin(t *testing.T) (*fixture, client.Token) {
	f := newFixture(t, func(c *processmakertest.Config) { c.Passport = 13 })
	f.pm.AddUser(processmakertest.User{ID: 3, Username: "twin", Password: "twin's"})
	f.login = client.Login{Username: "twin", Password: "twin's"}
	return f, f.sign(t).Access
}

func TestTheRefusalOfATwinIsNoEnd(t *testing.T) {
	t.Parallel()
	f, token := twin(t)
	require.Equal(t, client.TwinRefused, client.KindOf(f.client.RevokeToken(context.Background(), token)))
	require.Equal(t, 1, f.pm.Count(processmakertest.ShowToken), "its age is no matter")
	require.Len(t, f.pm.LiveTokens(), 1)

	// A failure of the server's own is no sign that the token had been accepted.
	f.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: processmakertest.ServerError()})
	require.Equal(t, client.TwinRefused, client.KindOf(f.client.RevokeToken(context.Background(), token)))
	f.pm.Inject(processmakertest.Fault{On: processmakertest.ShowToken, Do: processmakertest.ServerError()})
	require.Equal(t, client.Unavailable, client.KindOf(f.client.RevokeToken(context.Background(), token)))
	f.pm.Inject(processmakertest.Fault{On: processmakertest.ShowToken, Do: jsonAnswer(404, "[]")})
	require.Equal(t, client.NotFound, client.KindOf(f.client.RevokeToken(context.Background(), token)))
	f.pm.Inject(processmakertest.Fault{On: processmakertest.ShowToken, Do: jsonAnswer(200, `{"id":"another"}`)})
	require.Error(t, f.client.RevokeToken(context.Background(), token))
	require.Len(t, f.pm.LiveTokens(), 1)
}

func TestATwinThatIsAcceptedEndsItself(t *testing.T) {
	t.Parallel()
	f, token := twin(t)
	f.pm.SetClientOwner(3, 1)
	require.NoError(t, f.client.RevokeToken(context.Background(), token))
	require.Empty(t, f.pm.LiveTokens())
	require.Equal(t, client.TwinRefused, client.KindOf(f.client.RevokeToken(context.Background(), token)), "nobody knows")

	// It is refused between the question and its end.
	token = f.sign(t).Access
	f.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Do: jsonAnswer(401, `{"error":"Unauthenticated."}`)})
	require.Equal(t, client.TwinRefused, client.KindOf(f.client.RevokeToken(context.Background(), token)))
	require.Len(t, f.pm.LiveTokens(), 1)
}
