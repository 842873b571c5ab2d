package main

import (
	"io"
	"testing"

	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine"
	"vault-plugin-secrets-processmaker/internal/clock"
)

// Engine and Framework are for tests.
func (b *backend) Engine() *engine.Engine        { return b.engine }
func (b *backend) Framework() *framework.Backend { return b.Backend }

// thisMount makes the mounts of the suites.
func thisMount(clk clock.Clock, random io.Reader) Backend { return newBackend(clk, random) }

func newHarness(t *testing.T, configure ...func(*processmakertest.Config)) *harness {
	t.Helper()
	return newMount(t, thisMount, configure...)
}

func newReadyHarness(t *testing.T, role map[string]any, configure ...func(*processmakertest.Config)) *harness {
	t.Helper()
	return newReady(t, thisMount, role, configure...)
}

func newPersonalHarness(t *testing.T, role map[string]any) *harness {
	t.Helper()
	return newPersonal(t, thisMount, role)
}

func newSignInHarness(t *testing.T, role map[string]any) *harness {
	t.Helper()
	return newSignIn(t, thisMount, role)
}

func newStaticHarness(t *testing.T, role map[string]any) *harness {
	t.Helper()
	return newStatic(t, thisMount, role)
}

func newSharedUserHarness(t *testing.T) *harness {
	t.Helper()
	return newSharedUser(t, thisMount)
}
