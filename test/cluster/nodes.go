package cluster

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/credential"

	"vault-plugin-secrets-processmaker/engine/session"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine/ledger"
)

// cluster is two nodes over one storage: the harness's own backend, which
// believes to be active while the other has taken over.
type cluster struct {
	*mounttest.Mount
	next mounttest.Backend
	// view is the old node's way to the storage.
	view *mounttest.WatchedStorage
}

func newCluster(h *mounttest.Mount) *cluster {
	c := &cluster{Mount: h, next: h.NewNode(h.Random), view: &mounttest.WatchedStorage{Storage: h.Storage.Storage}}
	h.Backend = h.NewNodeOn(c.view, h.Random)
	h.T.Cleanup(func() { c.next.Cleanup(context.Background()) })
	return c
}

// onOld makes a request of the node that has lost the mount.
func (c *cluster) onOld(req *logical.Request) (*logical.Response, error) {
	req.Storage = c.view
	return mounttest.Heard(c.Backend.HandleRequest(context.Background(), req))
}

// onNext makes a request of the node that has taken over.
func (c *cluster) onNext(req *logical.Request) (*logical.Response, error) {
	req.Storage = c.Storage
	return mounttest.Heard(c.next.HandleRequest(context.Background(), req))
}

// overlaps is when the new node does its part, which is given, while the old
// one makes an exchange of one kind.
func overlaps() map[string]func(c *cluster, during processmakertest.Endpoint, next func()) {
	takeOver := func(c *cluster, next func()) func() {
		var done atomic.Bool // not a sync.Once: next makes exchanges itself
		return func() {
			if done.CompareAndSwap(false, true) {
				c.Clock.Advance(ledger.TakeoverTime)
				next()
			}
		}
	}
	answered := func(c *cluster, during processmakertest.Endpoint, next func()) {
		do := takeOver(c, next)
		c.Pm.Inject(processmakertest.Fault{On: during, Do: processmakertest.Replace(func(status int, body []byte) (int, []byte) {
			do()
			return status, body
		})})
	}
	return map[string]func(c *cluster, during processmakertest.Endpoint, next func()){
		"after the old node's exchange": answered,
		"before the old node's exchange": func(c *cluster, during processmakertest.Endpoint, next func()) {
			do := takeOver(c, next)
			c.Pm.Inject(processmakertest.Fault{On: during, Times: -1, Match: func(*http.Request) bool { do(); return false }})
		},
		"after the old node's exchange, and its writes are refused": func(c *cluster, during processmakertest.Endpoint, next func()) {
			answered(c, during, func() {
				c.view.FailPuts(mounttest.AnyKey)
				next()
			})
		},
	}
}

func TwoNodesRefreshOneCredential(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, overlap := range overlaps() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(mounttest.NewReady(t, mount, nil))
			l := c.Issue(nil)
			c.Clock.Advance(30 * time.Minute)
			overlap(c, processmakertest.RefreshGrant, func() {
				resp, err := c.onNext(l.RenewRequest(0))
				require.NoError(t, err)
				l.Take(resp)
			})
			_, err := c.onOld(l.RenewRequest(0))
			require.Error(t, err, "the old node's pair is nobody's")
			c.Mount.Backend = c.next
			c.oneCredential(l)
		})
	}
}

func TwoNodesRefreshInTheSameMoment(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	// ProcessMaker lets both refreshes win. The storage refuses the old node.
	c := newCluster(mounttest.NewReady(t, mount, nil))
	l := c.Issue(nil)
	c.Clock.Advance(30 * time.Minute)
	arrived := make(chan struct{}, 2)
	c.Pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.MeetRefresh(2), Match: func(*http.Request) bool {
		arrived <- struct{}{}
		return true
	}})
	c.view.FailPuts(mounttest.AnyKey)
	ended := make(chan error, 1)
	request := l.RenewRequest(0)
	go func() {
		_, err := c.onOld(request)
		ended <- err
	}()
	<-arrived
	c.Clock.Advance(ledger.TakeoverTime)
	resp, err := c.onNext(l.RenewRequest(0))
	require.NoError(t, err)
	l.Take(resp)
	require.Error(t, <-ended)
	require.Equal(t, 1, c.Pm.OverlappingRefreshes())
	c.Mount.Backend = c.next
	c.oneCredential(l)
}

// oneCredential requires that the holder of l has the one live token, which
// storage knows, and goes on with it.
func (c *cluster) oneCredential(l *mounttest.Lease) {
	c.T.Helper()
	require.True(c.T, c.Pm.Accepts(l.Token()))
	require.Equal(c.T, c.RecordedIDs(), c.LiveIDs())
	require.Len(c.T, c.LiveIDs(), 1)
	c.Clock.Advance(30 * time.Minute)
	l.Renew()
	require.True(c.T, c.Pm.Accepts(l.Token()))
	require.Equal(c.T, c.RecordedIDs(), c.LiveIDs())
	require.NoError(c.T, l.TryRevoke())
	require.Empty(c.T, c.LiveIDs())
	require.Empty(c.T, c.RecordIDs())
}

func AnOldNodeDoubtsNothingThatWasRenewedSince(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	// Its refresh comes late, is refused, and it can log in no more: what it
	// then puts down must not be the pair that it once read.
	c := newCluster(mounttest.NewReady(t, mount, nil))
	l := c.Issue(nil)
	c.Clock.Advance(30 * time.Minute)
	var done atomic.Bool
	c.Pm.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Times: -1, Match: func(*http.Request) bool {
		if done.CompareAndSwap(false, true) {
			resp, err := c.onNext(l.RenewRequest(0))
			require.NoError(t, err)
			l.Take(resp)
		}
		return false
	}})
	mounttest.Inject(processmakertest.PasswordGrant, processmakertest.ServerError())(c.Mount)
	request := l.RenewRequest(0)
	_, err := c.onOld(request)
	require.Error(t, err)
	c.Mount.Backend = c.next
	c.oneCredential(l)
}

func TwoNodesRenewOneSession(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for kind, test := range map[string]struct {
		during  processmakertest.Endpoint
		arrange func(c *cluster)
	}{
		"refreshed": {processmakertest.RefreshGrant, func(c *cluster) {
			require.NoError(c.T, c.Issue(nil).TryRevoke())
			c.Clock.Advance(time.Hour)
			c.Pm.RevokeTokenByID(c.Session().TokenID)
		}},
		"replaced by a login": {processmakertest.PasswordGrant, func(c *cluster) {
			require.NoError(c.T, c.Issue(nil).TryRevoke())
			c.Clock.Advance(time.Hour)
			c.Pm.RevokeTokenByID(c.Session().TokenID)
			c.Pm.RotateAppKey()
		}},
		"started": {processmakertest.PasswordGrant, func(*cluster) {}},
	} {
		for name, overlap := range overlaps() {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				c := newCluster(mounttest.NewPersonal(t, mount, nil))
				test.arrange(c)
				read := func() *logical.Request {
					return &logical.Request{Operation: logical.ReadOperation, Path: "creds/ci", MountPoint: "processmaker/"}
				}
				var leases []*mounttest.Lease
				keep := func(resp *logical.Response, err error) {
					if mounttest.Status(resp, err) == 200 {
						leases = append(leases, c.Register("creds/ci", resp))
					}
				}
				overlap(c, test.during, func() {
					resp, err := c.onNext(read())
					require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
					keep(resp, err)
				})
				keep(c.onOld(read()))
				require.Empty(t, c.Census())
				sessions := len(c.LiveIDs()) - len(c.LivePersonal())
				require.Equal(t, 1, sessions, "one pair is left")
				require.True(t, c.Pm.Accepts(c.Session().AccessToken), "and it is the one that is stored")
				c.Mount.Backend = c.next
				leases = append(leases, c.Issue(nil))
				for _, l := range leases {
					require.NoError(t, l.TryRevoke())
				}
				require.Len(t, c.LiveIDs(), 1)
			})
		}
	}
}

func WhatAnotherNodeChangedIsForgotten(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	c := newCluster(mounttest.NewStatic(t, mount, map[string]any{"credential_type": "personal_access_token"}))
	c.Issue(nil)
	first := c.Read("static-creds/ci")
	c.Clock.Advance(time.Minute)
	for _, path := range []string{"credentials/" + first["credential_id"].(string) + "/revoke", "sessions/ci"} {
		operation := logical.Operation(logical.UpdateOperation)
		if path == "sessions/ci" {
			operation = logical.DeleteOperation
		}
		resp, err := c.onNext(&logical.Request{Operation: operation, Path: path})
		require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	}
	c.Backend.InvalidateKey(context.Background(), credential.Prefix+"ci")
	c.Backend.InvalidateKey(context.Background(), session.Prefix+"ci")
	c.Pm.ResetLog()
	second := c.Read("static-creds/ci")
	require.True(t, c.Pm.Accepts(second["access_token"].(string)))
	require.Equal(t, 1, c.Pm.Count(processmakertest.PasswordGrant), "a new session was started")
	require.Zero(t, c.Pm.Count(processmakertest.RefreshGrant), "and the ended one was not tried")
	// Of roles that are not in memory there is nothing to forget.
	c.Backend.InvalidateKey(context.Background(), credential.Prefix+"none")
	c.Backend.InvalidateKey(context.Background(), session.Prefix+"none")
}
