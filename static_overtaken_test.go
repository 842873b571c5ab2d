package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine/credential"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/problem"
)

// A credential that is ended on demand while another is being made for it is
// not served in its place, nor later.
func TestWhatWasEndedDuringAFailedRotationIsNotServed(t *testing.T) {
	t.Parallel()
	for name, patient := range map[string]bool{"and forgotten": true, "by who then went away": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newStaticHarness(t, nil)
			first := h.read("static-creds/ci")
			h.clock.Advance(time.Hour)
			arrived, held := make(chan struct{}, 1), make(chan struct{})
			h.pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: -1, Do: processmakertest.ServerError(), Match: func(*http.Request) bool {
				select {
				case arrived <- struct{}{}:
				default:
				}
				<-held
				return true
			}})
			read := make(chan int)
			go func() { read <- status(h.do(logical.ReadOperation, "static-creds/ci", nil)) }()
			<-arrived
			ctx, leave := context.WithCancel(context.Background())
			defer leave()
			revoked := make(chan int)
			go func() {
				revoked <- status(h.request(ctx, logical.UpdateOperation, "credentials/"+first["credential_id"].(string)+"/revoke", nil))
			}()
			until(func() bool { return len(h.recordIDs()) == 0 })
			if !patient {
				leave()
				require.Equal(t, 200, <-revoked)
			}
			close(held)
			require.NotEqual(t, 200, <-read, "the old one is dead")
			if patient {
				require.Equal(t, 200, <-revoked)
			}
			require.NotEqual(t, 200, status(h.do(logical.ReadOperation, "static-creds/ci", nil)))
		})
	}
}

// The plugin may be killed, or the storage fail, between the end of a shared
// credential and its being forgotten.
func TestASharedCredentialWithoutARecordIsNotServed(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	first := h.read("static-creds/ci")
	h.hook(hookedStorage{beforeDelete: func(key string) error {
		if strings.HasPrefix(key, credential.Prefix) {
			return errDiskFull
		}
		return nil
	}})
	h.mustWrite("credentials/"+first["credential_id"].(string)+"/revoke", nil)
	require.True(t, h.pm.Accepts(h.read("static-creds/ci")["access_token"].(string)))

	h.mustWrite("tidy", map[string]any{"all": true})
	h.restart()
	require.True(t, h.pm.Accepts(h.read("static-creds/ci")["access_token"].(string)))
}

// A reader that loaded the role before its user was changed, and comes to make a
// credential after the new user's was made.
func TestALateReaderSharesNoFormerUsersCredential(t *testing.T) {
	t.Parallel()
	h := newStaticHarness(t, nil)
	ctx := context.Background()
	former := h.lateReader()
	held := h.read("static-creds/ci")
	require.Equal(t, newUser, held["username"])
	live := h.liveIDs()

	_, err := h.backend.Engine().Credentials.Shared(ctx, former)
	require.True(t, problem.IsConflict(err), err)
	stored, err := h.reader().Credentials.GetShared(ctx, "ci")
	require.NoError(t, err)
	require.Equal(t, newUser, stored.Record.Username)
	require.Equal(t, live, h.liveIDs())

	resp, err := h.do(logical.DeleteOperation, "roles/ci", nil)
	require.Equal(t, 200, status(resp, err), message(resp, err))
	_, err = h.backend.Engine().Credentials.Shared(ctx, former)
	require.True(t, problem.IsConflict(err), err)
	require.NotContains(t, h.snapshot(), "static/ci")
	require.Empty(t, h.liveIDs())
}
