package client

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// oauthCodes are the error codes that may be repeated to a reader: those of
// RFC 6749 §5.2 and what league/oauth2-server and Laravel Passport add. Any
// other text in an answer's error field stays there.
var oauthCodes = map[string]Kind{
	"invalid_grant":          GrantDead,
	"invalid_credentials":    GrantDead, // league 7 (ProcessMaker 4.0) for a wrong password
	"invalid_client":         ClientRefused,
	"unauthorized_client":    GrantNotAllowed,
	"unsupported_grant_type": GrantNotEnabled,
	"invalid_scope":          ScopeRefused,
	"invalid_request":        BadRequest,
	"server_error":           Unavailable,
}

// grantFailure sorts an answer of the token endpoint that is not a success.
// It decides on the status and the error code alone, never on texts, which
// differ between releases and languages.
func grantFailure(operation string, r *reply) *Error {
	failure := troubleFailure(operation, r)
	if failure != nil {
		return failure
	}
	code, kind := errorCode(r)
	failure = &Error{Operation: operation, Status: r.status, Code: code, Kind: kind}
	switch {
	case kind == 0:
		failure.Kind = NotProcessMaker
		failure.Detail = "the answer is not one of ProcessMaker's token endpoint; check the url"
	case code == "invalid_request" && r.status == http.StatusUnauthorized && operation == refreshGrant:
		// league 8 deviates from RFC 6749 §5.2 here: this is its
		// invalid_grant for refresh tokens.
		failure.Kind = GrantDead
	}
	return failure
}

// apiFailure sorts an answer of the REST API that is not a success.
func apiFailure(operation string, r *reply) *Error {
	failure := troubleFailure(operation, r)
	if failure != nil {
		return failure
	}
	failure = &Error{Operation: operation, Status: r.status}
	switch {
	case r.status == http.StatusUnauthorized && isUnauthenticated(r):
		failure.Kind = TokenRefused
	case r.status == http.StatusForbidden && r.json:
		failure.Kind = Forbidden
	case r.status == http.StatusNotFound && r.json:
		failure.Kind = NotFound
	case r.status == http.StatusUnprocessableEntity && r.json:
		failure.Kind = BadRequest
	default:
		failure.Kind = NotProcessMaker
		failure.Detail = "the answer is not one of ProcessMaker's API; check the url"
	}
	return failure
}

// troubleFailure sorts what the server, or something in front of it, answers
// on any path: throttling, trouble, redirects, pages. It returns nil for what
// only the path itself can tell.
func troubleFailure(operation string, r *reply) *Error {
	failure := &Error{Operation: operation, Status: r.status}
	switch {
	case r.status == http.StatusTooManyRequests:
		failure.Kind, failure.NoEffect = Throttled, true
		failure.RetryAt = throttledUntil(r.header, r.at)
		failure.Detail = "the limit of calls is used up"
	case r.status == http.StatusServiceUnavailable:
		failure.Kind, failure.NoEffect = Unavailable, isMaintenance(r)
		failure.Detail = "the instance says that it is not available"
		failure.RetryAt = unavailableUntil(r.header, r.at)
	case r.status >= 500:
		failure.Kind, failure.Finished = Unavailable, says(r, http.StatusInternalServerError, "Server Error")
		failure.Detail = "the instance is in trouble"
	case r.status >= 300 && r.status < 400:
		failure.Kind = NotProcessMaker
		failure.Detail = "the answer is a redirect, which is not followed; the url must be the instance's own, with the right scheme and host"
	case r.status == 499:
		failure.Kind = NotProcessMaker
		failure.Detail = "no tenant has this host name; check the url"
	case r.status != http.StatusNoContent && !r.json:
		failure.Kind = NotProcessMaker
		failure.Detail = "the answer is not JSON; check the url"
	default:
		return nil
	}
	return failure
}

func errorCode(r *reply) (string, Kind) {
	if r.status < 400 {
		return "", 0
	}
	var body struct {
		Error any `json:"error"`
	}
	if json.Unmarshal(r.body, &body) != nil {
		return "", 0
	}
	code, _ := body.Error.(string)
	kind, known := oauthCodes[code]
	if !known {
		return "", 0
	}
	return code, kind
}

// isUnauthenticated recognises ProcessMaker's own 401, as opposed to one by a
// proxy in front of it, which says nothing about the token.
func isUnauthenticated(r *reply) bool {
	if r.status != http.StatusUnauthorized || !r.json {
		return false
	}
	var body struct {
		Error any `json:"error"`
	}
	if json.Unmarshal(r.body, &body) != nil {
		return false
	}
	return body.Error == "Unauthenticated."
}

// isMaintenance recognises ProcessMaker's own 503, said before anything was done,
// as opposed to that of a gateway. A maintenance page of HTML cannot be told from
// a gateway's.
func isMaintenance(r *reply) bool {
	return says(r, http.StatusServiceUnavailable, "Service Unavailable")
}

// says tells whether an answer is of the form of ProcessMaker's own about trouble.
func says(r *reply, status int, message string) bool {
	if r.status != status || !r.json {
		return false
	}
	var body struct {
		Message any `json:"message"`
	}
	return json.Unmarshal(r.body, &body) == nil && body.Message == message
}

// found describes an answer without repeating anything of it.
func found(r *reply) string {
	form := "not JSON"
	if r.json {
		form = "JSON"
	}
	return fmt.Sprintf("HTTP %d, %s", r.status, form)
}
