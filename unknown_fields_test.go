package main

import (
	"testing"

	"vault-plugin-secrets-processmaker/test/hostile"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

// A parameter that is not there is refused by every path and says so, be it of a
// write, a read or a deletion: what was meant by it is not done.
func TestUnknownFieldsAreRefusedEverywhere(t *testing.T) {
	t.Parallel()
	a := hostile.NewAttack(t, thisMount)
	tried := 0
	for _, path := range a.Backend.Framework().Paths {
		for operation := range path.Operations {
			if operation == logical.ListOperation {
				continue
			}
			for _, address := range a.PathsOf(path.Pattern, "ci") {
				data := a.Wanted(operation, address)
				if data == nil {
					data = map[string]any{}
				}
				data["tll"] = "5m"
				code, text := a.Try(string(operation)+" "+address, operation, address, data)
				require.Equal(t, 400, code, "%s %s: %s", operation, address, text)
				require.Contains(t, text, `unknown field "tll"`, "%s %s", operation, address)
				tried++
			}
		}
	}
	require.Greater(t, tried, 20)
}

// Vault's own requests of leases name no fields of ours.
func TestLeasesMayHoldUnknownFields(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	l := h.Issue(nil)
	l.Data["of_a_newer_release"] = "x"
	l.Renew()
	l.Data["of_a_newer_release"] = "x"
	require.NoError(t, l.TryRevoke())
	require.Empty(t, h.LiveIDs())
}

// Vault passes its own parameter on where a read says that it is no list.
func TestAReadMaySayThatItIsNoList(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	resp, err := h.Do(logical.ReadOperation, "roles/ci", map[string]any{"list": "false"})
	require.Equal(t, 200, mounttest.Status(resp, err), mounttest.Message(resp, err))
}
