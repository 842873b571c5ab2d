package client

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Kind sorts failures by what can be done about them.
type Kind int

const (
	// GrantDead: the login or the refresh token itself is refused for good
	// (RFC 6749 §5.2 invalid_grant; league/oauth2-server 8 says 401
	// invalid_request for a dead refresh token).
	GrantDead Kind = iota + 1
	// ClientRefused: the auth client is unknown, revoked, has another secret,
	// or may not use this grant. The grant itself was not used up.
	ClientRefused
	// GrantNotAllowed: the auth client exists and may not use this grant (league 9.2;
	// before, that is a ClientRefused). The grant itself was not used up.
	GrantNotAllowed
	// GrantNotEnabled: the server does not offer this grant type.
	GrantNotEnabled
	// ScopeRefused: a scope is unknown, or wider than the token's. The grant
	// was not used up.
	ScopeRefused
	// BadRequest: the server found the request malformed, which is this
	// package's fault. The grant was not used up.
	BadRequest
	// Throttled: the token endpoint's limit is used up until RetryAt. The
	// request had no effect.
	Throttled
	// Unavailable: no answer, or one that says the server is in trouble.
	// NotSent tells whether the request can have had an effect.
	Unavailable
	// NotProcessMaker: something answered, but not as ProcessMaker does.
	NotProcessMaker
	// UnusableToken: the grant succeeded, but the token in the answer is not
	// one whose user and id can be read, so it can be neither renewed nor
	// revoked.
	UnusableToken
	// TokenRefused: the API does not accept the bearer token.
	TokenRefused
	// NotFound: the API knows no such user or token.
	NotFound
	// Forbidden: the API accepts the bearer token, but not for this.
	Forbidden
	// TwinRefused: the API does not accept a token whose user has the number of its
	// auth client, which does not say that the token is dead (see Token.Twin).
	TwinRefused
	// PasswordRefused: a new password does not satisfy the instance's own
	// rules. The old one holds.
	PasswordRefused
)

func (k Kind) String() string {
	switch k {
	case GrantDead:
		return "grant refused"
	case ClientRefused:
		return "auth client refused"
	case GrantNotAllowed:
		return "grant type off for the auth client"
	case GrantNotEnabled:
		return "grant type not enabled"
	case ScopeRefused:
		return "scope refused"
	case BadRequest:
		return "request refused as malformed"
	case Throttled:
		return "throttled"
	case Unavailable:
		return "unavailable"
	case NotProcessMaker:
		return "not a ProcessMaker answer"
	case UnusableToken:
		return "unusable token"
	case TokenRefused:
		return "token refused"
	case NotFound:
		return "not found"
	case Forbidden:
		return "forbidden"
	case TwinRefused:
		return "token of a user with the auth client's number refused"
	case PasswordRefused:
		return "password refused"
	default:
		return "unknown failure"
	}
}

// Error is what every call of this package fails with. Its text is made of
// this package's own words, an HTTP status, and error codes out of a fixed
// vocabulary: nothing that a server sent is repeated, because replies to token
// requests may hold secrets.
type Error struct {
	Kind Kind
	// Operation names the exchange, such as "password grant".
	Operation string
	// Status is the HTTP status of the answer, 0 where there was none.
	Status int
	// Code is the answer's OAuth error code (RFC 6749 §5.2) where it is one
	// of those known to this package.
	Code string
	// Detail says in this package's own words what was found.
	Detail string
	// RetryAt is when a further try makes sense; zero where that is unknown.
	RetryAt time.Time
	// NotSent: not one byte of the request reached the server, so it
	// certainly had no effect.
	NotSent bool
	// NoEffect: the server, or its throttle, turned the request away before it did
	// anything.
	NoEffect bool
	// Finished: ProcessMaker itself says that it failed, so that nothing more comes of
	// the request.
	Finished bool
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Operation, e.Kind)
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d", e.Status)
		if e.Code != "" {
			fmt.Fprintf(&b, " %s", e.Code)
		}
		b.WriteString(")")
	}
	if e.Detail != "" {
		fmt.Fprintf(&b, ": %s", e.Detail)
	}
	return b.String()
}

// KindOf tells the kind of err, or 0 where err is not of this package.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

// CertainlyNotDone tells whether the request behind err had no effect for sure:
// it was never sent, the throttle turned it away, or ProcessMaker is in maintenance.
func CertainlyNotDone(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.NotSent || e.NoEffect)
}

// Unreachable tells whether err says that no request can be carried out now: no
// connection could be made, the breaker is open, or ProcessMaker is in maintenance.
// A throttle, a slow answer and a broken one say nothing of other requests.
func Unreachable(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == Unavailable && (e.NotSent || e.NoEffect && e.Status == http.StatusServiceUnavailable)
}

// RefusedWithoutUse tells whether the server refused the request behind err
// before it used up what was presented.
func RefusedWithoutUse(err error) bool {
	switch KindOf(err) {
	case ClientRefused, GrantNotAllowed, GrantNotEnabled, ScopeRefused, BadRequest:
		return true
	default:
		return false
	}
}

// AnswerLost tells whether the request behind err was sent and no answer of
// ProcessMaker itself to it came back: a token that nobody knows may live. That
// holds for every answer of 500 and above but ProcessMaker's word of maintenance,
// and for a success without the token that it should hold. A redirect, or a status of
// 400 to 499 from something in between, says that the request was not carried out.
func AnswerLost(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.NotSent || e.NoEffect {
		return false
	}
	switch e.Kind {
	case Unavailable, UnusableToken:
		return true
	default:
		return e.Kind == NotProcessMaker && e.Status >= 200 && e.Status < 300
	}
}

// MayComeLate tells whether the server may yet carry out the request behind err, whose
// answer was lost: it works on after its caller has gone.
func MayComeLate(err error) bool {
	var e *Error
	return AnswerLost(err) && errors.As(err, &e) && !e.Finished
}

// FromGateway tells whether a gateway answered in place of ProcessMaker, with a 502 or 504.
func FromGateway(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Status == http.StatusBadGateway || e.Status == http.StatusGatewayTimeout)
}

// ServerFailed tells whether ProcessMaker itself failed with a 500.
func ServerFailed(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusInternalServerError
}
