package main

import (
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

// mountLimitAge is how long a new lease may go by a mount's former maximum. A
// lease that is too long for the present one is cut by Vault itself, and its
// credential dies with it.
const mountLimitAge = 10 * time.Second

// mountLimit remembers how long the leases of the mount may last: to ask Vault
// is an exchange between two processes, as dear as the storage write of a lease.
type mountLimit struct{ known atomic.Pointer[knownLimit] }

type knownLimit struct {
	maxTTL time.Duration
	asked  time.Time
}

// maxTTL is the mount's maximum as it was a moment ago at most.
func (l *mountLimit) maxTTL(system logical.SystemView, now time.Time) time.Duration {
	if known := l.known.Load(); known != nil {
		if age := now.Sub(known.asked); age >= 0 && age < mountLimitAge {
			return known.maxTTL
		}
	}
	known := &knownLimit{maxTTL: system.MaxLeaseTTL(), asked: now}
	l.known.Store(known)
	return known.maxTTL
}
