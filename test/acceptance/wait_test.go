//go:build unix

package acceptance

import (
	"testing"
	"time"
)

// patience is how long a condition that must come true may take; a test that
// passes never waits for it to end.
const patience = time.Minute

// eventually waits for what Vault does in the background.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
