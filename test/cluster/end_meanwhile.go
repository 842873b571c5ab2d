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

// An operator whose order waits while the credential gets another id must not
// be told that it was ended.
func ACredentialThatIsHandedOverMeanwhileIsNotCalledEnded(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	l := h.Issue(nil)
	found, release := make(chan struct{}), make(chan struct{})
	var holds atomic.Bool
	arrived := make(chan struct{})
	remove := h.Pm.Inject(processmakertest.Fault{On: processmakertest.DeleteToken, Times: -1, Do: processmakertest.Refuse(), Match: func(*http.Request) bool {
		if holds.CompareAndSwap(true, false) {
			close(arrived)
			<-release
		}
		return true
	}})
	require.Error(t, l.TryRevoke())
	h.Clock.Advance(credential.DeferAfter + time.Minute)
	holds.Store(true)
	revoked := make(chan error)
	go func() { revoked <- l.TryRevoke() }()
	<-arrived

	var once atomic.Bool
	key := ledger.Prefix + ledger.Bucket(l.Id().Deadline()) + "/"
	h.Hook(mounttest.HookedStorage{AfterGet: func(read string) {
		if len(read) > len(key) && read[:len(key)] == key && once.CompareAndSwap(false, true) {
			close(found)
		}
	}})
	type answer struct {
		resp *logical.Response
		err  error
	}
	ordered := make(chan answer)
	go func() {
		resp, err := h.Do(logical.UpdateOperation, "credentials/"+string(l.Id())+"/revoke", nil)
		ordered <- answer{resp, err}
	}()
	<-found
	close(release)
	require.NoError(t, <-revoked, "handed over")
	got := <-ordered
	require.Equal(t, 502, mounttest.Status(got.resp, got.err), mounttest.Message(got.resp, got.err))
	require.Contains(t, mounttest.Message(got.resp, got.err), "may still live")

	remove()
	h.Clock.Advance(time.Minute)
	resp, err := h.Do(logical.UpdateOperation, "credentials/"+string(l.Id())+"/revoke", nil)
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	require.Empty(t, h.LiveIDs())
	require.Empty(t, h.RecordIDs())
}
