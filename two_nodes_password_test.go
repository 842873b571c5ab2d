package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// The old node's rotation goes on after the new one has changed the password
// once more.
func TestAnOldNodeLeavesAPasswordAloneThatWasRotatedSince(t *testing.T) {
	t.Parallel()
	for name, during := range map[string]processmakertest.Endpoint{
		"before it was proved":  processmakertest.ChangePassword,
		"before it was adopted": processmakertest.DeleteToken,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, nil)
			h.drawFrom(rand.Reader)
			c := newCluster(h)
			c.pm.Inject(processmakertest.Fault{On: during, Do: processmakertest.Replace(func(code int, body []byte) (int, []byte) {
				resp, err := c.onNext(&logical.Request{Operation: logical.UpdateOperation, Path: "rotate-role/ci", MountPoint: "processmaker/"})
				if status(resp, err) != 200 {
					t.Error(message(resp, err))
				}
				return code, body
			})})
			resp, err := c.onOld(&logical.Request{Operation: logical.UpdateOperation, Path: "rotate-role/ci", MountPoint: "processmaker/"})
			require.Equal(t, http.StatusConflict, status(resp, err), message(resp, err))
			require.Contains(t, message(resp, err), `role "ci"`)
			require.Equal(t, c.password(), c.storedPassword("ci"))
			c.harness.backend = c.newNode(c.random)
			t.Cleanup(func() { c.harness.backend.Cleanup(context.Background()) })
			c.issue(nil)
			require.Empty(t, c.openChanges())
		})
	}
}
