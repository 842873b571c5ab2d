package client

import (
	"context"
	"time"
)

// probeTimeout bounds the exchange that finds out whether the instance answers.
const probeTimeout = 5 * time.Second

// Condition is how the instance and the way to it look, as far as earlier
// exchanges tell. Reading it makes none.
type Condition struct {
	Breaker State
	// RetryAt is when an open breaker lets a probe through; else zero.
	RetryAt time.Time
	// TokenRequestsRemaining is how many calls of the token endpoint may be
	// made now; NoTokenLimit where nothing is known to limit them.
	TokenRequestsRemaining int
}

// NoTokenLimit stands for an unlimited number of token calls.
const NoTokenLimit = -1

// Condition tells how the instance and the way to it look.
func (c *Client) Condition() Condition {
	state, retryAt := c.breaker.state()
	return Condition{Breaker: state, RetryAt: retryAt, TokenRequestsRemaining: c.budget.left()}
}

// Probe finds out whether a ProcessMaker answers now. It returns nil, or a
// failure of type *Error. An answer closes the breaker; a failure says nothing to
// it, so that reading a status keeps nobody from being served.
func (c *Client) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return c.CheckConnection(ctx)
}
