package main

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine/credential"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/ledger"
)

// renewOnNext has the new node renew a lease of the old one.
func (c *cluster) renewOnNext(l *heldLease) {
	resp, err := c.onNext(l.renewRequest(0))
	if err != nil {
		c.t.Error(err)
		return
	}
	l.data, l.secret = resp.Data, *resp.Secret
}

// What the old node has ended is not what the record holds by then.
func TestAnOldNodeForgetsNothingThatWasRenewedSince(t *testing.T) {
	t.Parallel()
	for how, request := range map[string]func(l *heldLease) *logical.Request{
		"by its lease": func(l *heldLease) *logical.Request {
			secret := l.secret
			return logical.RevokeRequest(l.path, &secret, l.data)
		},
		"on demand": func(l *heldLease) *logical.Request {
			return &logical.Request{Operation: logical.UpdateOperation, Path: "credentials/" + string(l.id()) + "/revoke"}
		},
		"by tidy": func(*heldLease) *logical.Request {
			return &logical.Request{Operation: logical.UpdateOperation, Path: "tidy", Data: map[string]any{"all": true}}
		},
	} {
		for name, overlap := range overlaps() {
			t.Run(how+"/"+name, func(t *testing.T) {
				t.Parallel()
				c := newCluster(newReadyHarness(t, nil))
				l := c.issue(nil)
				c.clock.Advance(30 * time.Minute)
				overlap(c, processmakertest.DeleteToken, func() { c.renewOnNext(l) })
				resp, err := c.onOld(request(l))
				if how == "by tidy" {
					require.Equal(t, 1, resp.Data["failed"])
				} else {
					require.NotEqual(t, 200, status(resp, err), "the credential lives")
				}
				c.harness.backend = c.next
				c.oneCredential(l)
			})
		}
	}
}

func TestAnOldNodeHandsNothingOverThatWasRenewedSince(t *testing.T) {
	t.Parallel()
	c := newCluster(newReadyHarness(t, nil))
	l := c.issue(nil)
	var renews atomic.Bool
	remove := c.pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Refuse(), Match: func(*http.Request) bool {
		if renews.CompareAndSwap(true, false) {
			c.clock.Advance(ledger.TakeoverTime)
			c.renewOnNext(l)
		}
		return true
	}})
	revoke := func() error {
		secret := l.secret
		_, err := c.onOld(logical.RevokeRequest(l.path, &secret, l.data))
		return err
	}
	require.Error(t, revoke())
	c.clock.Advance(credential.DeferAfter + time.Minute)
	renews.Store(true)
	require.Error(t, revoke())
	remove()
	c.harness.backend = c.next
	c.oneCredential(l)
}

func TestAnOldNodeEndsNoSessionThatWasRenewedSince(t *testing.T) {
	t.Parallel()
	for name, overlap := range overlaps() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(newPersonalHarness(t, nil))
			require.NoError(t, c.issue(nil).tryRevoke())
			c.clock.Advance(time.Hour)
			c.pm.RevokeTokenByID(c.session().TokenID)
			var l *heldLease
			overlap(c, processmakertest.RefreshGrant, func() {
				resp, err := c.onNext(&logical.Request{Operation: logical.ReadOperation, Path: "creds/ci", MountPoint: "processmaker/"})
				if status(resp, err) != 200 {
					t.Error(message(resp, err))
					return
				}
				l = c.register("creds/ci", resp)
			})
			_, err := c.onOld(&logical.Request{Operation: logical.DeleteOperation, Path: "sessions/ci"})
			require.Error(t, err)
			require.NotNil(t, c.session())
			require.True(t, c.pm.Accepts(c.session().AccessToken))
			c.harness.backend = c.next
			require.NoError(t, l.tryRevoke())
			c.endSession()
			require.Empty(t, c.liveIDs())
		})
	}
}
