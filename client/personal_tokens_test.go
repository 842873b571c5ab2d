package client_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// TestRevokingATokenOfAnotherIsBelievedOnlyOfProcessMaker: what is believed dead
// is forgotten.
func TestRevokingATokenOfAnotherIsBelievedOnlyOfProcessMaker(t *testing.T) {
	t.Parallel()
	const end, ask = processmakertest.DeleteToken, processmakertest.ShowToken
	for name, test := range map[string]struct {
		arrange func(pm *processmakertest.Server, tokenID string)
		fails   bool
	}{
		"alive":   {func(*processmakertest.Server, string) {}, false},
		"revoked": {func(pm *processmakertest.Server, id string) { pm.RevokeTokenByID(id) }, false},
		"purged":  {func(pm *processmakertest.Server, id string) { pm.RevokeTokenByID(id); pm.PurgeRevoked() }, false},
		"another's 404": {func(pm *processmakertest.Server, _ string) {
			pm.Inject(fault(end, jsonAnswer(404, `{"error":"Not Found"}`)))
		}, true},
		"revoked, and another's 404": {func(pm *processmakertest.Server, id string) {
			pm.RevokeTokenByID(id)
			pm.Inject(fault(end, jsonAnswer(404, `{}`)))
		}, false},
		"another's 404 twice": {func(pm *processmakertest.Server, _ string) {
			pm.Inject(fault(end, jsonAnswer(404, `{}`)))
			pm.Inject(fault(ask, jsonAnswer(404, `{}`)))
		}, true},
		"another's 404, then another token": {func(pm *processmakertest.Server, _ string) {
			pm.Inject(fault(end, jsonAnswer(404, `{}`)))
			pm.Inject(fault(ask, jsonAnswer(200, `{"id":"another","revoked":true}`)))
		}, true},
		"another's 404, then no answer": {func(pm *processmakertest.Server, _ string) {
			pm.Inject(fault(end, jsonAnswer(404, `{}`)))
			pm.Inject(fault(ask, processmakertest.Refuse()))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			bearer := f.sign(t).Access
			token, err := f.client.CreatePersonalToken(context.Background(), bearer, bearer.UserID, "a token")
			require.NoError(t, err)
			test.arrange(f.pm, token.ID)
			err = f.client.RevokeTokenOf(context.Background(), bearer, bearer.UserID, token.ID)
			require.Equal(t, test.fails, err != nil, "%v", err)
			require.Equal(t, test.fails, f.pm.Accepts(token.Value))
		})
	}
}

func TestNoListIsNotAnEmptyOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	bearer := f.sign(t).Access
	listed, err := f.list(bearer)
	require.NoError(t, err)
	require.Empty(t, listed)
	for _, body := range []string{
		`{}`, `{"data":null}`, `{"message":"ok"}`, `[]`, `{"data":{}}`,
		// A token that is looked for by its name must not seem gone.
		`{"data":[{"id":"a"}]}`, `{"data":[{"id":"a","name":7}]}`, `{"data":[{"id":7,"name":"n"}]}`, `{"data":[null]}`,
		`{"data":[],"data":[],"meta":{"total":0}}`, `{"data":[],"meta":{"total":0},"meta":{"total":0}}`, `{"data":[],"meta":{"total":0}} {}`, `{"data":[],"meta":{"total":0}`,
		`{"data":[]}`, `{"data":[],"meta":{"total":-1}}`, `{"data":[],"meta":{"total":1}}`,
	} {
		f.pm.Inject(fault(processmakertest.ListTokens, jsonAnswer(200, body)))
		_, err := f.list(bearer)
		require.Equal(t, client.NotProcessMaker, client.KindOf(err), body)
	}
}

func TestAListIsTakenAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pages []string
		names []string
		fails bool
	}{
		"without a total":        {[]string{`{"data":[{"id":"a","name":"1"}]}`}, nil, true},
		"a token without a name": {[]string{`{"data":[{"id":"a","name":null}],"meta":{"total":1}}`}, []string{""}, false},
		"fewer than it says":     {[]string{`{"data":[{"id":"a","name":"1"}],"meta":{"total":2}}`}, nil, true},
		"an odd total":           {[]string{`{"data":[{"id":"a","name":"1"}],"meta":{"total":"1"}}`}, nil, true},
		"odd other facts":        {[]string{`{"data":[{"id":"a","name":"1","created_at":[],"client":7}],"meta":{"total":1,"per_page":{}}}`}, []string{"1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			bearer := f.sign(t).Access
			for _, page := range test.pages {
				f.pm.Inject(fault(processmakertest.ListTokens, jsonAnswer(200, page)))
			}
			listed, err := f.list(bearer)
			require.Equal(t, test.fails, err != nil, "%v", err)
			var names []string
			for _, token := range listed {
				names = append(names, token.Name)
			}
			require.Equal(t, test.names, names)
			require.Equal(t, len(test.pages), f.pm.Count(processmakertest.ListTokens))
		})
	}
}

// Whoever holds a token can make others, with names that hide none of them.
func TestLongNamesAreListed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	bearer := f.sign(t).Access
	token := `{"id":"a","client":"` + strings.Repeat("c", 500) + `","name":"` + strings.Repeat(`\ud83d\ude00`, 255) + `"}`
	f.pm.Inject(fault(processmakertest.ListTokens, jsonAnswer(200, `{"data":[`+strings.Repeat(token+",", 999)+token+`],"meta":{"total":1000}}`)))
	listed, err := f.list(bearer)
	require.NoError(t, err)
	require.Len(t, listed, 1000)
}

// No total makes a listing ask forever.
func TestTooManyTokensAreNotListed(t *testing.T) {
	t.Parallel()
	for _, total := range []string{"50000", "9223372036854774785", "9223372036854775807"} {
		f := newFixture(t)
		bearer := f.sign(t).Access
		for range 3 {
			f.pm.Inject(fault(processmakertest.ListTokens, jsonAnswer(200, `{"data":[{"id":"a","name":"1"}],"meta":{"total":`+total+`}}`)))
		}
		_, err := f.list(bearer)
		require.ErrorContains(t, err, "too many live personal access tokens", total)
		require.Equal(t, 1, f.pm.Count(processmakertest.ListTokens), total)
	}
}

func TestAUserHasAName(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	bearer := f.sign(t).Access
	for body, fails := range map[string]bool{
		`{"id":2,"username":"alice","is_administrator":false}`:   false,
		`{"id":"2","username":"alice","is_administrator":false}`: false,
		`{"id":2,"username":"","is_administrator":false}`:        true,
		`{"id":2,"username":null,"is_administrator":false}`:      true,
		`{"id":2,"is_administrator":false}`:                      true,
		`{"id":2,"username":"alice"}`:                            true,
		`{"id":2.0,"username":"alice","is_administrator":false}`: true,
		`{"id":3,"username":"alice","is_administrator":false}`:   true,
	} {
		f.pm.Inject(fault(processmakertest.ShowUser, jsonAnswer(200, body)))
		_, err := f.client.ShowUser(context.Background(), bearer, "2")
		require.Equal(t, fails, err != nil, "%s: %v", body, err)
	}
}

// Tokens that are ended between two pages would move those behind them forward,
// so that some were passed over and taken for dead.
func TestALongListIsOneAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	bearer := f.sign(t).Access
	for range 1100 {
		_, err := f.client.CreatePersonalToken(context.Background(), bearer, bearer.UserID, "n")
		require.NoError(t, err)
	}
	listed, err := f.list(bearer)
	require.NoError(t, err)
	known := map[string]bool{}
	for _, token := range listed {
		known[token.ID] = true
	}
	for _, token := range f.pm.LiveTokens() {
		require.True(t, known[token.ID] || token.Name == "", "a token that lives was passed over")
	}
	require.Equal(t, 1, f.pm.Count(processmakertest.ListTokens))
}
