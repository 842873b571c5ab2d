package client

import (
	"net/http"
	"time"
)

// Outcomes of an exchange, as Config.Observe is told them. They say how the
// server answered, not what the answer means: a refused login is Refused, and so
// is the 404 of a token that is over.
const (
	// Succeeded: a status of 200 to 399.
	Succeeded = "success"
	// Refused: a status of 400 to 499 but 429.
	Refused = "refused"
	// TooMany: 429 (RFC 6585 §4).
	TooMany = "throttled"
	// ServerError: a status of 500 or more.
	ServerError = "server_error"
	// NoAnswer: no answer, or one that broke off or cannot be read.
	NoAnswer = "no_answer"
)

// tellOf tells Observe of an exchange, a failed connection included.
func (c *Client) tellOf(operation string, began time.Time, r *reply) {
	if c.observe == nil {
		return
	}
	c.observe(operation, outcomeOf(r), c.clock.Now().Sub(began))
}

func outcomeOf(r *reply) string {
	switch {
	case r == nil:
		return NoAnswer
	case r.status == http.StatusTooManyRequests:
		return TooMany
	case r.status >= http.StatusInternalServerError:
		return ServerError
	case r.status >= http.StatusBadRequest:
		return Refused
	default:
		return Succeeded
	}
}
