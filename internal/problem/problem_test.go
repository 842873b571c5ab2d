package problem

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheFirstKindInTheChainCounts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		kind Kind
	}{
		"none":                 {nil, 0},
		"another error":        {errors.New("disk full"), 0},
		"plain":                {Refuse("no", "yes"), Refused},
		"wrapped":              {fmt.Errorf("role: %w", Conflictf("changed")), Conflict},
		"explained":            {Explain(Conflictf("changed"), "in words"), Conflict},
		"explained, untold":    {Explain(errors.New("disk full"), "in words"), 0},
		"the outer one counts": {&Error{Kind: Refused, Text: "no", Err: Conflictf("changed")}, Refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.kind, KindOf(test.err))
			require.Equal(t, test.kind == Conflict, IsConflict(test.err))
		})
	}
}

func TestAProblemSaysItsCure(t *testing.T) {
	t.Parallel()
	require.Equal(t, "no. Write yes", Refuse("no", "Write yes").Error())
	require.Equal(t, "no 1", Refusef("no %d", 1).Error())
}

func TestAWaitIsAtLeastASecond(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	require.Equal(t, time.Second, Wait(now.Add(-time.Minute), now))
	require.Equal(t, 3*time.Second, Wait(now.Add(2600*time.Millisecond), now))
}

func TestATextNamesItsMount(t *testing.T) {
	t.Parallel()
	text := "write it with \"vault write " + Mount + "config\""
	require.Equal(t, `write it with "vault write bpm/prod/config"`, At("bpm/prod/", text))
	require.Equal(t, text, At("", text))
}
