//go:build unix

package acceptance

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// inParallel runs do that many times at once and returns when all are done.
func inParallel(times int, do func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range times {
		all.Go(func() {
			<-start
			do(i)
		})
	}
	close(start)
	all.Wait()
}

// readAtOnce reads so many times at once. Each read has to give a live token, and
// no other read the same.
func (m *mount) readAtOnce(role string, readers int) {
	m.t.Helper()
	errs := make([]error, readers)
	tokens := make([]string, readers)
	inParallel(readers, func(i int) {
		secret, err := m.tryRead(role)
		if errs[i] = err; err == nil {
			tokens[i], _ = secret.Data["access_token"].(string)
		}
	})
	for i, err := range errs {
		require.NoError(m.t, err)
		assert.True(m.t, m.accepts(tokens[i]), "a dead token was answered")
	}
	assert.Len(m.t, unique(tokens), readers, "two readers got one token")
}

// unlimited is a mount whose ProcessMaker does not limit logins.
func unlimited(t *testing.T) *mount {
	m := newMount(t)
	m.writeConfig(fields{"token_requests_per_minute": 0})
	m.writeRole("ci", nil)
	return m
}

// A template that retries a wrong password must not lock the user out, nor
// spend the logins of everybody else.
func TestWrongPasswordIsTriedOnce(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(times int, do func(int)){
		"at once":             inParallel,
		"one after the other": runInTurn,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := unlimited(t)
			m.writeRole("ci", fields{"password": "not-the-password"})
			errs := make([]error, 20)
			begin := time.Now()
			read(len(errs), func(i int) { _, errs[i] = m.tryRead("ci") })
			for _, err := range errs {
				requireStatus(t, err, http.StatusBadRequest, "password")
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Skipf("the reads took %s: this machine is too busy for a statement on 5 s", took)
			}
			assert.Equal(t, 1, m.pm.Count(processmakertest.PasswordGrant))

			m.writeRole("ci", nil) // the cure works at once
			m.read("ci")
		})
	}
}

func runInTurn(times int, do func(int)) {
	for i := range times {
		do(i)
	}
}

func TestParallelReads(t *testing.T) {
	t.Parallel()
	m := unlimited(t)
	const readers = 100
	m.readAtOnce("ci", readers)
	assert.Len(t, m.pm.LiveTokens(), readers)
	assert.Equal(t, readers, m.pm.Count(processmakertest.AnyToken))
}

// Many renew one lease: the pair is refreshed by one after the other, and
// what the lease says in the end is alive.
func TestParallelRenewalsOfOneLease(t *testing.T) {
	t.Parallel()
	m := unlimited(t)
	first := m.read("ci")
	const renewers = 50
	errs := make([]error, renewers)
	tokens := make([]string, renewers)
	inParallel(renewers, func(i int) {
		secret, err := m.client.Sys().Renew(first.LeaseID, 7200+i*600)
		if errs[i] = err; err == nil && secret != nil {
			tokens[i], _ = secret.Data["access_token"].(string)
		}
	})
	for i, err := range errs {
		require.NoError(t, err)
		require.NotEmpty(t, tokens[i])
	}
	assert.Zero(t, m.pm.OverlappingRefreshes(), "one pair was refreshed twice at once")

	var alive []string
	for _, token := range unique(append(tokens, first.Token)) {
		if m.accepts(token) {
			alive = append(alive, token)
		}
	}
	require.Len(t, alive, 1, "tokens alive of all that were answered")
	require.Len(t, m.pm.LiveTokens(), 1)

	// A renewal that cannot grow the lease says which token is the lease's.
	last := m.renew(first, 60)
	assert.Equal(t, alive[0], last.Token)
	m.revoke(last)
	assert.Empty(t, m.pm.LiveTokens())
}

// Reads, renewals and revocations together: at the end exactly the tokens of
// the leases that are left are alive.
func TestParallelEverything(t *testing.T) {
	t.Parallel()
	m := unlimited(t)
	const workers = 30
	errs := make([]error, workers)
	kept := make([]string, workers)
	inParallel(workers, func(i int) {
		secret, err := m.tryRead("ci")
		if err == nil && i%3 > 0 {
			secret, err = m.client.Sys().Renew(secret.LeaseID, 7200)
		}
		if err == nil && i%3 > 1 {
			err = m.tryRevoke(credential{Secret: secret})
		} else if err == nil {
			kept[i], _ = secret.Data["access_token"].(string)
		}
		errs[i] = err
	})
	left := 0
	for i, err := range errs {
		require.NoError(t, err)
		if kept[i] != "" {
			left++
			assert.True(t, m.accepts(kept[i]))
		}
	}
	assert.Len(t, m.pm.LiveTokens(), left)
}

func unique(words []string) []string {
	seen := map[string]bool{}
	var result []string
	for _, word := range words {
		if !seen[word] {
			seen[word] = true
			result = append(result, word)
		}
	}
	return result
}
