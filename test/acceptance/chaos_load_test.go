//go:build unix

package acceptance

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
)

const (
	// loadPatience is how long one request of the load may take: longer than
	// it takes the engine to find out that ProcessMaker does not answer.
	loadPatience = 30 * time.Second
	// keptFor is how long a worker keeps a lease in mind; then it ends by itself.
	keptFor = 6 * time.Second
)

// shortLives are leases that renewals rotate and that end within seconds.
var shortLives = fields{"ttl": "3s", "max_ttl": "8s"}

// chaosRoles are roles of each kind.
func chaosRoles(m *mount) map[string]fields {
	admin, alice := m.pm.User("admin"), m.pm.User("alice")
	shared := fields{"rotation_period": "10s", "rotation_overlap": "5s"}
	return map[string]fields{
		"ci":       m.roleFields(shortLives),
		"personal": m.roleFields(merge(personal, shortLives)),
		"of-alice": m.roleFields(merge(merge(personal, shortLives), fields{
			"username": admin.Username, "password": admin.Password, "user_id": fmt.Sprint(alice.ID),
		})),
		"shared":          m.roleFields(shared),
		"shared-personal": m.roleFields(merge(personal, shared)),
	}
}

var (
	leasingRoles = []string{"ci", "personal", "of-alice"}
	sharingRoles = []string{"shared", "shared-personal"}
)

// chaos is a mount under load.
type chaos struct {
	*mount
	plan chaosPlan

	mu       sync.Mutex
	outcomes map[string]*outcomes
	// handedOut are the ids of the tokens that a reader has got.
	handedOut map[string]struct{}
	kills     []time.Time
}

type outcomes struct{ good, bad int }

// newChaos is a mount with roles of each kind, whose ProcessMaker does not limit
// token calls.
func newChaos(t *testing.T, plan chaosPlan, options ...mountOption) *chaos {
	t.Helper()
	m := newMount(t, options...)
	// What a client that died has not read stays alive: the census says which.
	m.leftovers = true
	m.client.SetClientTimeout(loadPatience)
	m.writeConfig(fields{"token_requests_per_minute": 0, "request_timeout": chaosTimeout.String()})
	for name, role := range chaosRoles(m) {
		m.write("roles/"+name, role)
	}
	return &chaos{mount: m, plan: plan, outcomes: map[string]*outcomes{}, handedOut: map[string]struct{}{}}
}

// random gives the same numbers for the same seed and purpose.
func (c *chaos) random(purpose string) *rand.Rand {
	var stream uint64
	for _, letter := range []byte(purpose) {
		stream = stream*31 + uint64(letter)
	}
	return rand.New(rand.NewPCG(c.plan.seed, stream))
}

// under runs do while workers use the mount, each with pauses of pace on average.
func (c *chaos) under(workers int, pace time.Duration, do func()) {
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range workers {
		w := &worker{chaos: c, random: c.random(fmt.Sprintf("worker %d", i))}
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(w.random.Int64N(2 * int64(pace)))):
					w.step()
				}
			}
		})
	}
	// Also when do ends the test.
	defer all.Wait()
	defer close(stop)
	do()
}

// killing notes that something is killed now.
func (c *chaos) killing() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kills = append(c.kills, time.Now())
}

// count notes what a request has brought.
func (c *chaos) count(action string, answer *api.Secret, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer != nil {
		if id, ok := answer.Data["token_id"].(string); ok {
			c.handedOut[id] = struct{}{}
		}
	}
	if c.outcomes[action] == nil {
		c.outcomes[action] = &outcomes{}
	}
	if err == nil {
		c.outcomes[action].good++
	} else {
		c.outcomes[action].bad++
	}
}

// report tells what the load did.
func (c *chaos) report() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var parts []string
	for action, o := range c.outcomes {
		parts = append(parts, fmt.Sprintf("%s %d (and %d failed)", action, o.good, o.bad))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// worker is one user of the mount. Its requests may fail.
type worker struct {
	*chaos
	random *rand.Rand
	leases []keptLease
}

type keptLease struct {
	id string
	at time.Time
}

func (w *worker) step() {
	ctx, cancel := context.WithTimeout(context.Background(), loadPatience)
	defer cancel()
	if w.random.IntN(25) == 0 {
		// A reader that goes away.
		ctx, cancel = context.WithTimeout(ctx, time.Duration(1+w.random.IntN(20))*time.Millisecond)
		defer cancel()
	}
	w.leases = slices.DeleteFunc(w.leases, func(lease keptLease) bool { return time.Since(lease.at) > keptFor })
	action := w.random.IntN(100)
	switch {
	case action >= 97:
		_, err := w.client.Logical().WriteWithContext(ctx, w.at("tidy"), nil)
		w.count("tidied", nil, err)
	case action >= 82:
		secret, err := w.client.Logical().ReadWithContext(ctx, w.at("static-creds/"+w.oneOf(sharingRoles)))
		w.count("shared", secret, err)
	case action < 40 || len(w.leases) == 0:
		w.issue(ctx)
	case action < 65:
		secret, err := w.client.Sys().RenewWithContext(ctx, w.leases[w.random.IntN(len(w.leases))].id, 0)
		w.count("renewed", secret, err)
	default:
		w.revoke(ctx)
	}
}

func (w *worker) oneOf(words []string) string { return words[w.random.IntN(len(words))] }

func (w *worker) issue(ctx context.Context) {
	role := w.oneOf(leasingRoles)
	secret, err := w.client.Logical().ReadWithContext(ctx, w.at("creds/"+role))
	w.count("issued "+role, secret, err)
	if err == nil && secret != nil {
		w.leases = append(w.leases, keptLease{secret.LeaseID, time.Now()})
	}
}

func (w *worker) revoke(ctx context.Context) {
	i := w.random.IntN(len(w.leases))
	err := w.client.Sys().RevokeWithOptionsWithContext(ctx, &api.RevokeOptions{LeaseID: w.leases[i].id, Sync: true})
	w.count("revoked", nil, err)
	w.leases = slices.Delete(w.leases, i, i+1)
}
