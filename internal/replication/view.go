// Package replication remembers for a moment what Vault tells of its replication. It owns that
// memory, and may import internal/clock.
package replication

import (
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/internal/clock"
)

// remembered is how long an answer of Vault counts. A node that has changed its part since then
// refuses to store, and sends the request on to the active node.
const remembered = time.Second

// View is a SystemView that asks for the replication state at most once a second. The framework
// wants it for each request, and each answer is an exchange with Vault.
type View struct {
	logical.SystemView
	clock clock.Clock
	last  atomic.Pointer[answer]
}

type answer struct {
	state consts.ReplicationState
	at    time.Time
}

// NewView makes a View of what Vault gave the mount.
func NewView(of logical.SystemView, clk clock.Clock) *View {
	return &View{SystemView: of, clock: clk}
}

// ReplicationState is up to a second old.
func (v *View) ReplicationState() consts.ReplicationState {
	now := v.clock.Now()
	if last := v.last.Load(); last != nil && now.Sub(last.at).Abs() < remembered {
		return last.state
	}
	asked := &answer{state: v.SystemView.ReplicationState(), at: now}
	v.last.Store(asked)
	return asked.state
}
