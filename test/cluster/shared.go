package cluster

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/credential"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/internal/problem"
)

// A credential that is ended on demand while another is being made for it is
// not served in its place, nor later.
func WhatWasEndedDuringAFailedRotationIsNotServed(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, patient := range map[string]bool{"and forgotten": true, "by who then went away": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewStatic(t, mount, nil)
			first := h.Read("static-creds/ci")
			h.Clock.Advance(time.Hour)
			arrived, held := make(chan struct{}, 1), make(chan struct{})
			h.Pm.Inject(processmakertest.Fault{On: processmakertest.PasswordGrant, Times: -1, Do: processmakertest.ServerError(), Match: func(*http.Request) bool {
				select {
				case arrived <- struct{}{}:
				default:
				}
				<-held
				return true
			}})
			read := make(chan int)
			go func() { read <- mounttest.Status(h.Do(logical.ReadOperation, "static-creds/ci", nil)) }()
			<-arrived
			ctx, leave := context.WithCancel(context.Background())
			defer leave()
			revoked := make(chan int)
			go func() {
				revoked <- mounttest.Status(h.Request(ctx, logical.UpdateOperation, "credentials/"+first["credential_id"].(string)+"/revoke", nil))
			}()
			mounttest.Until(func() bool { return len(h.RecordIDs()) == 0 })
			if !patient {
				leave()
				require.Equal(t, 200, <-revoked)
			}
			close(held)
			require.NotEqual(t, 200, <-read, "the old one is dead")
			if patient {
				require.Equal(t, 200, <-revoked)
			}
			require.NotEqual(t, 200, mounttest.Status(h.Do(logical.ReadOperation, "static-creds/ci", nil)))
		})
	}
}

// The plugin may be killed, or the storage fail, between the end of a shared
// credential and its being forgotten.
func ASharedCredentialWithoutARecordIsNotServed(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewStatic(t, mount, nil)
	first := h.Read("static-creds/ci")
	h.Hook(mounttest.HookedStorage{BeforeDelete: func(key string) error {
		if strings.HasPrefix(key, credential.Prefix) {
			return mounttest.ErrDiskFull
		}
		return nil
	}})
	h.MustWrite("credentials/"+first["credential_id"].(string)+"/revoke", nil)
	require.True(t, h.Pm.Accepts(h.Read("static-creds/ci")["access_token"].(string)))

	h.MustWrite("credentials/revoke", map[string]any{"all": true})
	h.Restart()
	require.True(t, h.Pm.Accepts(h.Read("static-creds/ci")["access_token"].(string)))
}

// A reader that loaded the role before its user was changed, and comes to make a
// credential after the new user's was made.
func ALateReaderSharesNoFormerUsersCredential(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewStatic(t, mount, nil)
	ctx := context.Background()
	former := h.LateReader()
	held := h.Read("static-creds/ci")
	require.Equal(t, mounttest.NewUser, held["username"])
	live := h.LiveIDs()

	_, err := h.Backend.Engine().Credentials.Shared(ctx, former)
	require.True(t, problem.IsConflict(err), err)
	stored, err := h.Reader().Credentials.GetShared(ctx, "ci")
	require.NoError(t, err)
	require.Equal(t, mounttest.NewUser, stored.Record.Username)
	require.Equal(t, live, h.LiveIDs())

	resp, err := h.Do(logical.DeleteOperation, "roles/ci", nil)
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
	_, err = h.Backend.Engine().Credentials.Shared(ctx, former)
	require.True(t, problem.IsConflict(err), err)
	require.NotContains(t, h.Snapshot(), "static/ci")
	require.Empty(t, h.LiveIDs())
}
