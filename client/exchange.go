package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

// call says how an exchange is to be made.
type call struct {
	// method, query and body are those of a call of the REST API.
	method    string
	query     url.Values
	body      []byte
	operation string
	lane      lane
	// budgeted: it counts against the limit of the token endpoint, on behalf of
	// caller.
	budgeted bool
	caller   Caller
	// looking: nobody depends on it, so that its failure opens no breaker.
	looking bool
	// passBreaker: it is made even when the instance is thought unreachable,
	// because the answer decides what becomes of a token.
	passBreaker bool
	// accepted: the bearer token was accepted a moment ago, so that a refusal is
	// no matter of clocks.
	accepted bool
	// timeout bounds it; 0 stands for that of the settings.
	timeout time.Duration
	// mostBytes is the size up to which an answer is read; 0 stands for
	// usualReplyBytes.
	mostBytes int
	// stream, if set, reads the body of a success in JSON as it arrives, in place
	// of reply.body. Its error, of type *Error, is the exchange's.
	stream func(body io.Reader) error
}

func (call call) most() int { return cmp.Or(call.mostBytes, usualReplyBytes) }

// exchange sends req once and reads the answer. ctx bounds the waiting for a
// turn. Once the request is on its way only the timeout and the deadline of
// ctx end it, because an answer that nobody reads may hold a live token.
func (c *Client) exchange(ctx context.Context, req *http.Request, call call) (*reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, notSentError(call.operation, err)
	}
	if retryAt, refused := c.breaker.refusal(); refused && !call.passBreaker {
		return nil, breakerError(call.operation, c.breaker.why(), retryAt)
	}
	takeBack := func() {}
	if call.budgeted {
		var err error
		if takeBack, err = c.budget.wait(ctx, call.operation, call.caller); err != nil {
			return nil, notSentError(call.operation, err)
		}
	}
	leave, err := c.lanes.acquire(ctx, call.lane)
	if err != nil {
		takeBack()
		return nil, notSentError(call.operation, err)
	}
	defer leave()

	settle, retryAt := c.breaker.admit()
	switch {
	case settle != nil:
	case call.passBreaker:
		settle = c.breaker.settleOrdinary
	default:
		takeBack()
		return nil, breakerError(call.operation, c.breaker.why(), retryAt)
	}
	outcome, leaveAloneUntil := unused, time.Time{}
	// Deferred, so that even a panic below gives a probe's leave back.
	defer func() {
		settle(outcome)
		c.breaker.obey(leaveAloneUntil)
	}()

	began := c.clock.Now()
	reply, failure, ranOut := c.send(ctx, req, call)
	c.tellOf(call.operation, began, reply)
	if failure != nil {
		if outcome = call.saysOfFailure(failure, ranOut); outcome == unreachable {
			c.breaker.found(failure.Detail)
		}
		if failure.NotSent {
			takeBack()
		}
		return nil, failure
	}
	if outcome = call.saysOfAnswer(reply); outcome == unreachable || reply.status == http.StatusServiceUnavailable {
		c.breaker.found(fmt.Sprintf("it answered %d", reply.status))
	}
	if call.budgeted {
		c.budget.learn(reply.status, reply.header)
	}
	if reply.status == http.StatusServiceUnavailable && !call.looking {
		leaveAloneUntil = unavailableUntil(reply.header, reply.at)
	}
	return reply, nil
}

// outOfTime says which time an exchange ran out of.
type outOfTime int

const (
	// inTime: the exchange did not run out of time.
	inTime outOfTime = iota
	// callersTime is shorter than the time that the exchange may take.
	callersTime
	// serversTime: connected, the server did not answer in the whole time.
	serversTime
)

// saysOfFailure is what a failed exchange says of the instance. A slow server is
// there: an exchange with more time, or a smaller one, may be answered.
func (call call) saysOfFailure(failure *Error, ranOut outOfTime) verdict {
	switch {
	case failure.Status != 0:
		return answered
	case call.looking, ranOut == callersTime, ranOut == serversTime && !call.lane.isWaitedFor():
		return unused
	default:
		return unreachable
	}
}

// saysOfAnswer is what an answer says of the instance.
func (call call) saysOfAnswer(r *reply) verdict {
	switch {
	case isMaintenance(r):
		if r.header.Get("Retry-After") == "" {
			return answered
		}
		// Reached, but not to be asked anything: the breaker stays as it is
		// until then.
		return unused
	case !isGatewayTrouble(r.status):
		return answered
	case call.looking, call.lane == listing:
		// A list can be too much for a server that answers everything else.
		return unused
	default:
		return unreachable
	}
}

// isGatewayTrouble: these statuses are those of a gateway whose server does not
// answer it, but for maintenance.
func isGatewayTrouble(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// send tells of a failure also whether time ran out.
func (c *Client) send(ctx context.Context, req *http.Request, call call) (*reply, *Error, outOfTime) {
	operation, whole := call.operation, cmp.Or(call.timeout, c.timeout)
	timeout := whole
	if deadline, ok := ctx.Deadline(); ok {
		// Contexts know the real time alone.
		timeout = min(timeout, time.Until(deadline))
	}
	sendCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	var gotConnection atomic.Bool
	sendCtx = httptrace.WithClientTrace(sendCtx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { gotConnection.Store(true) },
	})
	ranOut := func() outOfTime {
		switch {
		case sendCtx.Err() == nil:
			return inTime
		case timeout < whole:
			return callersTime
		case gotConnection.Load():
			return serversTime
		default:
			return inTime
		}
	}

	req = req.WithContext(sendCtx)
	req.Header = maps.Clone(req.Header)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)

	response, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, &Error{
			Kind:      Unavailable,
			Operation: operation,
			Detail:    reasonFor(err, timeout.Round(time.Millisecond)),
			NotSent:   !gotConnection.Load() || failedToConnect(err),
		}, ranOut()
	}
	defer response.Body.Close()
	body, err := readBody(response, call)
	var typed *Error
	switch {
	case err == nil:
	case errors.As(err, &typed):
		return nil, typed, inTime
	case errors.Is(err, errTooLong):
		return nil, &Error{
			Kind:      NotProcessMaker,
			Operation: operation,
			Status:    response.StatusCode,
			Detail:    fmt.Sprintf("the answer is larger than %d MiB", call.most()>>20),
		}, inTime
	default:
		return nil, &Error{
			Kind:      Unavailable,
			Operation: operation,
			Detail:    "the answer broke off: " + reasonFor(err, timeout.Round(time.Millisecond)),
		}, ranOut()
	}
	return &reply{
		status: response.StatusCode,
		header: response.Header,
		body:   body,
		json:   isJSON(response.Header.Get("Content-Type")),
		at:     c.clock.Now(),
	}, nil, inTime
}

// failedToConnect tells whether err arose before there was a connection. The
// transport moves to a second connection only if it wrote nothing on the
// first, so this holds for retries inside it as well. With TLS 1.3 a server's
// refusal of the client certificate arrives after the handshake seemed done.
func failedToConnect(err error) bool {
	var opErr *net.OpError
	if errors.As(err, &opErr) && (opErr.Op == "dial" || opErr.Op == "proxyconnect") {
		return true
	}
	var alert tls.AlertError
	return errors.As(err, &alert) && isCertificateAlert(alert)
}

// isCertificateAlert: bad_certificate to unknown_ca, and certificate_required
// (RFC 8446 §6.2).
func isCertificateAlert(alert tls.AlertError) bool {
	return (alert >= 42 && alert <= 48) || alert == 116
}

func breakerError(operation, cause string, retryAt time.Time) *Error {
	return &Error{
		Kind:      Unavailable,
		Operation: operation,
		Detail:    fmt.Sprintf("not tried, because the instance could not be reached a moment ago: %s", cause),
		RetryAt:   retryAt,
		NotSent:   true,
	}
}

// notSentError dresses the failure to get a turn.
func notSentError(operation string, err error) error {
	var typed *Error
	if errors.As(err, &typed) {
		return typed
	}
	return &Error{
		Kind:      Unavailable,
		Operation: operation,
		Detail:    "the caller went away or its time ran out before the call was made",
		NotSent:   true,
	}
}
