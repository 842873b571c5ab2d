package cluster

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/credential"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/ledger"
)

// renewOnNext has the new node renew a lease of the old one.
func (c *cluster) renewOnNext(l *mounttest.Lease) {
	resp, err := c.onNext(l.RenewRequest(0))
	if err != nil {
		c.T.Error(err)
		return
	}
	l.Take(resp)
}

// What the old node has ended is not what the record holds by then.
func AnOldNodeForgetsNothingThatWasRenewedSince(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for how, request := range map[string]func(l *mounttest.Lease) *logical.Request{
		"by its lease": func(l *mounttest.Lease) *logical.Request {
			secret := l.Secret
			return logical.RevokeRequest(l.Path, &secret, l.Data)
		},
		"on demand": func(l *mounttest.Lease) *logical.Request {
			return &logical.Request{Operation: logical.UpdateOperation, Path: "credentials/" + string(l.Id()) + "/revoke"}
		},
		"with all": func(*mounttest.Lease) *logical.Request {
			return &logical.Request{Operation: logical.UpdateOperation, Path: "credentials/revoke", Data: map[string]any{"all": true}}
		},
	} {
		for name, overlap := range overlaps() {
			t.Run(how+"/"+name, func(t *testing.T) {
				t.Parallel()
				c := newCluster(mounttest.NewReady(t, mount, nil))
				l := c.Issue(nil)
				c.Clock.Advance(30 * time.Minute)
				overlap(c, processmakertest.DeleteToken, func() { c.renewOnNext(l) })
				resp, err := c.onOld(request(l))
				if how == "with all" {
					require.Equal(t, 1, resp.Data["failed"])
				} else {
					require.NotEqual(t, 200, mounttest.Status(resp, err), "the credential lives")
				}
				c.Mount.Backend = c.next
				c.oneCredential(l)
			})
		}
	}
}

func AnOldNodeHandsNothingOverThatWasRenewedSince(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	c := newCluster(mounttest.NewReady(t, mount, nil))
	l := c.Issue(nil)
	var renews atomic.Bool
	remove := c.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Refuse(), Match: func(*http.Request) bool {
		if renews.CompareAndSwap(true, false) {
			c.Clock.Advance(ledger.TakeoverTime)
			c.renewOnNext(l)
		}
		return true
	}})
	revoke := func() error {
		secret := l.Secret
		_, err := c.onOld(logical.RevokeRequest(l.Path, &secret, l.Data))
		return err
	}
	require.Error(t, revoke())
	c.Clock.Advance(credential.DeferAfter + time.Minute)
	renews.Store(true)
	require.Error(t, revoke())
	remove()
	c.Mount.Backend = c.next
	c.oneCredential(l)
}

func AnOldNodeEndsNoSessionThatWasRenewedSince(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, overlap := range overlaps() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(mounttest.NewPersonal(t, mount, nil))
			require.NoError(t, c.Issue(nil).TryRevoke())
			c.Clock.Advance(time.Hour)
			c.Pm.RevokeTokenByID(c.Session().TokenID)
			var l *mounttest.Lease
			overlap(c, processmakertest.RefreshGrant, func() {
				resp, err := c.onNext(&logical.Request{Operation: logical.ReadOperation, Path: "creds/ci", MountPoint: "processmaker/"})
				if mounttest.Status(resp, err) != 200 {
					t.Error(mounttest.Message(resp, err))
					return
				}
				l = c.Register("creds/ci", resp)
			})
			_, err := c.onOld(&logical.Request{Operation: logical.DeleteOperation, Path: "sessions/ci"})
			require.Error(t, err)
			require.NotNil(t, c.Session())
			require.True(t, c.Pm.Accepts(c.Session().AccessToken))
			c.Mount.Backend = c.next
			require.NoError(t, l.TryRevoke())
			c.EndSession()
			require.Empty(t, c.LiveIDs())
		})
	}
}
