//go:build unix

package acceptance

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	double "vault-plugin-secrets-processmaker/client/processmakertest"
)

const (
	faultWorkers = 2
	faultPace    = 100 * time.Millisecond
	// tooLong is longer than the request_timeout of the mounts.
	tooLong = 2500 * time.Millisecond
	// faultPatience is how long a kind of request may fail to come.
	faultPatience = time.Minute
)

// exchanges are the kinds of requests that the engine makes.
var exchanges = []double.Endpoint{
	double.PasswordGrant, double.RefreshGrant, double.CreateToken, double.DeleteToken,
	double.ShowToken, double.ListTokens, double.ShowUser,
}

// faultKind is one way to fail.
type faultKind struct {
	effect func() double.Effect
	// only is the kind of request that can fail so; empty for all.
	only double.Endpoint
}

func constant(effect double.Effect) func() double.Effect {
	return func() double.Effect { return effect }
}

// later is closed when the engine has given up waiting.
func later() <-chan struct{} {
	release := make(chan struct{})
	time.AfterFunc(tooLong, func() { close(release) })
	return release
}

// withoutRefreshToken is the answer of a server that gives none.
func withoutRefreshToken(status int, body []byte) (int, []byte) {
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil {
		return status, body
	}
	delete(answer, "refresh_token")
	changed, err := json.Marshal(answer)
	if err != nil {
		return status, body
	}
	return status, changed
}

// faultKinds are the ways in which ProcessMaker, or what is before it, can fail.
var faultKinds = map[string]faultKind{
	"slow":                      {effect: constant(double.Delay(time.Second))},
	"too slow to begin":         {effect: constant(double.Delay(tooLong))},
	"done when nobody waits":    {effect: func() double.Effect { return double.Hold(later()) }},
	"answered too late":         {effect: func() double.Effect { return double.HoldAnswer(later()) }},
	"cut before":                {effect: constant(double.Refuse())},
	"answer lost":               {effect: constant(double.LoseAnswer())},
	"answer cut in half":        {effect: constant(double.Truncated())},
	"empty answer":              {effect: constant(double.Answer(http.StatusOK, http.Header{"Content-Type": {"application/json"}}, "{}"))},
	"gateway timeout":           {effect: constant(double.AnswerAfter(http.StatusGatewayTimeout, http.Header{"Content-Type": {"text/html"}}, "<html>"))},
	"gateway's page":            {effect: constant(double.HTMLPage(http.StatusBadGateway))},
	"page that says ok":         {effect: constant(double.HTMLPage(http.StatusOK))},
	"redirect":                  {effect: constant(double.Redirect("https://elsewhere.test/login"))},
	"huge answer":               {effect: constant(double.Huge())},
	"throttled":                 {effect: constant(double.Throttled(1))},
	"server error":              {effect: constant(double.ServerError())},
	"maintenance":               {effect: constant(double.Maintenance(1))},
	"maintenance without end":   {effect: constant(double.Maintenance(0))},
	"no refresh token":          {effect: constant(double.Replace(withoutRefreshToken)), only: double.PasswordGrant},
	"refresh done half":         {effect: constant(double.HalfRefresh()), only: double.RefreshGrant},
	"refreshed twice":           {effect: func() double.Effect { return double.MeetRefresh(2) }, only: double.RefreshGrant},
	"answer of a refresh empty": {effect: constant(double.AnswerAfter(http.StatusOK, http.Header{"Content-Type": {"application/json"}}, "{}")), only: double.RefreshGrant},
}

// Every way to fail has a mount of its own, as the engine leaves a ProcessMaker
// alone for a while that it cannot reach.
func chaosOfFaults(t *testing.T, plan chaosPlan) {
	server := ownServer(t)
	names := slices.Sorted(maps.Keys(faultKinds))
	happened := make([]int, len(names))
	inParallel(len(names), func(i int) {
		t.Run(names[i], func(t *testing.T) {
			c := newChaos(t, plan, onServer(server))
			c.under(faultWorkers, faultPace, func() { happened[i] = c.fail(names[i]) })
			c.requireNothingLost()
			c.requireEnd()
		})
	})
	total := 0
	for _, n := range happened {
		total += n
	}
	t.Logf("%d faults of %d kinds have happened", total, len(names))
}

// fail lets the fault happen to each kind of request, and tells how often it did.
func (c *chaos) fail(name string) (happened int) {
	kind := faultKinds[name]
	random := c.random("faults " + name)
	for range c.plan.faultRounds {
		endpoints := slices.Clone(exchanges)
		if kind.only != "" {
			endpoints = []double.Endpoint{kind.only}
		}
		random.Shuffle(len(endpoints), func(i, j int) { endpoints[i], endpoints[j] = endpoints[j], endpoints[i] })
		for _, endpoint := range endpoints[:min(len(endpoints), c.plan.faultsEach)] {
			if assert.True(c.t, c.failOnce(kind, endpoint), "no %s has come", endpoint) {
				happened++
			}
			pauseBetween(random, 200*time.Millisecond)
		}
	}
	return happened
}

// failOnce lets the fault happen to one request, and makes sure that there is
// one.
func (c *chaos) failOnce(kind faultKind, endpoint double.Endpoint) bool {
	var met atomic.Bool
	remove := c.pm.Inject(double.Fault{On: endpoint, Do: kind.effect(), Match: func(*http.Request) bool {
		met.Store(true)
		return true
	}})
	defer remove()
	for deadline := time.Now().Add(faultPatience); !met.Load() && time.Now().Before(deadline); {
		c.provoke(endpoint)
		time.Sleep(200 * time.Millisecond)
	}
	return met.Load()
}

// provoke does what the load does too seldom for a request of this kind.
func (c *chaos) provoke(endpoint double.Endpoint) {
	switch endpoint {
	case double.ListTokens:
		// What may have been made is looked for by its name.
		// A 502 would open the breaker, and the list not be asked for.
		defer c.pm.Inject(double.Fault{On: double.CreateToken, Do: double.GatewayError(http.StatusInternalServerError)})()
		_, _ = c.tryRead("personal")
		_ = c.tryWrite("tidy", nil)
	case double.RefreshGrant:
		c.dropSession()
	case double.ShowToken:
		if secret, err := c.tryRead("ci"); err == nil {
			c.count("issued ci", secret, nil)
			_ = c.tryRevoke(credential{Secret: secret})
		}
	}
}

// dropSession ends the access token of a session, as people at ProcessMaker may,
// so that it has to be refreshed.
func (c *chaos) dropSession() {
	for id, key := range c.storedBooks().ids {
		if strings.HasPrefix(key, "session/") {
			c.pm.RevokeTokenByID(id)
			return
		}
	}
}
