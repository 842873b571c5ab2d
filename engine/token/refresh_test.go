package token

import (
	"context"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/engine/role"

	"vault-plugin-secrets-processmaker/engine/instance"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/internal/store"
)

func TestARepeatNeedsTimeForTheQuestionAfterIt(t *testing.T) {
	t.Parallel()
	r := &refresh{Holding: Holding{Bound: &role.Binding{Instance: &instance.Instance{Config: instance.Config{RequestTimeout: 15 * time.Second}}}}}
	require.True(t, r.timeToRepeat(context.Background()))
	for left, enough := range map[time.Duration]bool{time.Minute: true, 10 * time.Second: false} {
		ctx, cancel := context.WithTimeout(context.Background(), left)
		require.Equal(t, enough, r.timeToRepeat(ctx))
		cancel()
	}
}

func TestARenewalEndsBeforeVaultsPatience(t *testing.T) {
	t.Parallel()
	// Exchanges, a record for the old token, the new record, and the end of a
	// token that could not be stored.
	require.LessOrEqual(t, ExchangesTimeout+2*store.Timeout+EndTimeout, 55*time.Second)
}
