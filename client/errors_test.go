package client

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryKindHasAName(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for kind := GrantDead; kind <= PasswordRefused; kind++ {
		require.False(t, seen[kind.String()], kind.String())
		seen[kind.String()] = true
	}
	require.Equal(t, "unknown failure", Kind(0).String())
	require.Zero(t, KindOf(errors.New("another")))
}

func TestAnswerLost(t *testing.T) {
	t.Parallel()
	for want, failures := range map[bool][]*Error{
		true: {
			{Kind: Unavailable},
			{Kind: Unavailable, Status: http.StatusBadGateway},
			{Kind: Unavailable, Status: http.StatusGatewayTimeout},
			{Kind: Unavailable, Status: http.StatusInternalServerError},
			{Kind: Unavailable, Status: http.StatusInternalServerError, Code: "server_error"},
			{Kind: Unavailable, Status: http.StatusServiceUnavailable},
			{Kind: Unavailable, Status: 520},
			{Kind: Unavailable, Status: 524},
			{Kind: UnusableToken, Status: http.StatusOK},
			{Kind: NotProcessMaker, Status: http.StatusOK},
			{Kind: NotProcessMaker, Status: http.StatusCreated},
			{Kind: NotProcessMaker, Status: http.StatusNoContent},
		},
		false: {
			{Kind: Unavailable, NotSent: true},
			{Kind: Unavailable, Status: http.StatusServiceUnavailable, NoEffect: true},
			{Kind: Unavailable, Status: http.StatusUnauthorized, NoEffect: true},
			{Kind: NotProcessMaker, Status: http.StatusFound},
			{Kind: NotProcessMaker, Status: http.StatusNotFound},
			{Kind: GrantDead, Status: http.StatusBadRequest},
			{Kind: Throttled, Status: http.StatusTooManyRequests},
		},
	} {
		for _, failure := range failures {
			require.Equal(t, want, AnswerLost(failure), "%v", failure)
		}
	}
	require.False(t, AnswerLost(nil))
}
