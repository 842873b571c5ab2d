package main

import (
	"io"
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/engine"
	"vault-plugin-secrets-processmaker/internal/clock"
)

// Engine and Framework are for tests.
func (b *backend) Engine() *engine.Engine        { return b.engine }
func (b *backend) Framework() *framework.Backend { return b.Backend }

// thisMount makes the mounts of the suites.
func thisMount(clk clock.Clock, random io.Reader) mounttest.Backend { return newBackend(clk, random) }

func newHarness(t *testing.T, configure ...func(*processmakertest.Config)) *mounttest.Mount {
	t.Helper()
	return mounttest.New(t, thisMount, configure...)
}

func newReadyHarness(t *testing.T, role map[string]any, configure ...func(*processmakertest.Config)) *mounttest.Mount {
	t.Helper()
	return mounttest.NewReady(t, thisMount, role, configure...)
}

func newPersonalHarness(t *testing.T, role map[string]any) *mounttest.Mount {
	t.Helper()
	return mounttest.NewPersonal(t, thisMount, role)
}

func newSignInHarness(t *testing.T, role map[string]any) *mounttest.Mount {
	t.Helper()
	return mounttest.NewSignIn(t, thisMount, role)
}

func newStaticHarness(t *testing.T, role map[string]any) *mounttest.Mount {
	t.Helper()
	return mounttest.NewStatic(t, thisMount, role)
}

func newSharedUserHarness(t *testing.T) *mounttest.Mount {
	t.Helper()
	return mounttest.NewSharedUser(t, thisMount)
}
