package passwords

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"

	"vault-plugin-secrets-processmaker/engine/password"
	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

func ABuiltInPasswordIsStoredAsItIs(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.New(t, mount)
	h.DrawFrom(rand.Reader)
	seen := map[string]bool{}
	for range 500 {
		drawn, err := h.Backend.Engine().Passwords.Generate(context.Background(), "")
		require.NoError(t, err)
		require.NoError(t, password.Fit(drawn))
		require.Len(t, drawn, password.Length)
		seen[drawn] = true
	}
	require.Len(t, seen, 500)

	h.DrawFrom(failingReader{})
	_, err := h.Backend.Engine().Passwords.Generate(context.Background(), "")
	require.ErrorContains(t, err, "no randomness")
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("the source is dry") }

func APasswordPolicyIsTriedWhenItIsWritten(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.New(t, mount)
	h.MustWrite("config", h.ConfigData())
	h.RefusedWrite(logical.UpdateOperation, "config", map[string]any{"password_policy": "none"}, "sys/policies/password/")
	require.Equal(t, "", h.Read("config")["password_policy"], "a refused write changes nothing")

	drawn := 0
	h.System.SetPasswordPolicy("markup", func() (string, error) { drawn++; return "Aa1!<b>", nil })
	h.RefusedWrite(logical.UpdateOperation, "config", map[string]any{"password_policy": "markup"}, "< > { }")
	require.Equal(t, password.Draws, drawn)

	h.System.SetPasswordPolicy("sometimes", func() (string, error) {
		if drawn++; drawn%password.Draws != 0 {
			return "Aa1!{{b", nil
		}
		return "Aa1!-fit-at-last", nil
	})
	h.MustWrite("config", map[string]any{"password_policy": "sometimes"})
	require.Equal(t, "sometimes", h.Read("config")["password_policy"])
	h.System.DeletePasswordPolicy("sometimes")
	h.MustWrite("config", map[string]any{"request_timeout": "7s"})
	_, err := h.Do(logical.PatchOperation, "config", map[string]any{"password_policy": nil})
	require.NoError(t, err)
	require.Equal(t, "", h.Read("config")["password_policy"])
}
