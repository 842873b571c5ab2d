package cluster

import (
	"context"
	"crypto/rand"
	"net/http"
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// The old node's rotation goes on after the new one has changed the password
// once more.
func AnOldNodeLeavesAPasswordAloneThatWasRotatedSince(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, during := range map[string]processmakertest.Endpoint{
		"before it was proved":  processmakertest.ChangePassword,
		"before it was adopted": processmakertest.DeleteToken,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewReady(t, mount, nil)
			h.DrawFrom(rand.Reader)
			c := newCluster(h)
			c.Pm.Inject(processmakertest.Fault{On: during, Do: processmakertest.Replace(func(code int, body []byte) (int, []byte) {
				resp, err := c.onNext(&logical.Request{Operation: logical.UpdateOperation, Path: "rotate-role/ci", MountPoint: "processmaker/"})
				if mounttest.Status(resp, err) != 200 {
					t.Error(mounttest.Message(resp, err))
				}
				return code, body
			})})
			resp, err := c.onOld(&logical.Request{Operation: logical.UpdateOperation, Path: "rotate-role/ci", MountPoint: "processmaker/"})
			require.Equal(t, http.StatusConflict, mounttest.Status(resp, err), mounttest.Message(resp, err))
			require.Contains(t, mounttest.Message(resp, err), `role "ci"`)
			require.Equal(t, c.Password(), c.StoredPassword("ci"))
			c.Mount.Backend = c.NewNode(c.Random)
			t.Cleanup(func() { c.Mount.Backend.Cleanup(context.Background()) })
			c.Issue(nil)
			require.Empty(t, c.OpenChanges())
		})
	}
}
