package processmakertest

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
)

// oauthError is a refusal by the OAuth library. The zero code stands for a
// crash behind it, which is no OAuth answer at all.
type oauthError struct {
	status int
	code   string
	text   string
	hint   string
	// challenges is set where the library asks for client authentication again.
	challenges bool
	// redirect is where a browser takes the refusal to instead of showing it.
	redirect string
}

const malformedText = "The request is missing a required parameter, includes an invalid parameter value, " +
	"includes a parameter more than once, or is otherwise malformed."

const deadRefreshText = "The refresh token is invalid."

const invalidGrantText = "The provided authorization grant (e.g., authorization code, resource owner credentials) " +
	"or refresh token is invalid, expired, revoked, does not match the redirection URI used in the authorization request, " +
	"or was issued to another client."

func unsupportedGrantType() *oauthError {
	return &oauthError{
		status: http.StatusBadRequest, code: "unsupported_grant_type",
		text: "The authorization grant type is not supported by the authorization server.",
		hint: "Check that all required parameters have been provided",
	}
}

func invalidRequest(parameter string) *oauthError {
	return invalidRequestHint(fmt.Sprintf("Check the `%s` parameter", parameter))
}

func invalidRequestHint(hint string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, code: "invalid_request", text: malformedText, hint: hint}
}

func invalidClient() *oauthError {
	return &oauthError{status: http.StatusUnauthorized, code: "invalid_client", text: "Client authentication failed", challenges: true}
}

// unauthorizedClient is told apart from invalidClient by Passport 13 alone.
func unauthorizedClient() *oauthError {
	return &oauthError{
		status: http.StatusBadRequest, code: "unauthorized_client",
		text: "The authenticated client is not authorized to use this authorization grant type.",
	}
}

func invalidCredentials() *oauthError {
	return &oauthError{status: http.StatusBadRequest, code: "invalid_grant", text: "The user credentials were incorrect."}
}

func invalidGrant(hint string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, code: "invalid_grant", text: invalidGrantText, hint: hint}
}

// because gives the refusal with a hint of its own.
func (e oauthError) because(hint string) *oauthError {
	e.hint = hint
	return &e
}

func invalidScope(scope string) *oauthError {
	return &oauthError{
		status: http.StatusBadRequest, code: "invalid_scope",
		text: "The requested scope is invalid, unknown, or malformed",
		hint: fmt.Sprintf("Check the `%s` scope", html.EscapeString(scope)),
	}
}

// accessDenied tells the client that the person said no.
func accessDenied(redirect string) *oauthError {
	return &oauthError{
		status: http.StatusUnauthorized, code: "access_denied",
		text: "The resource owner or authorization server denied the request.",
		hint: "The user denied the request", redirect: redirect,
	}
}

// crashed is a failure outside the library, such as a refused write.
func crashed() *oauthError { return &oauthError{status: http.StatusInternalServerError} }

// answer is JSON whatever Accept says, as the library builds the body itself;
// only a crash is left to the product's exception handler.
func (e *oauthError) answer(request *http.Request, w *world) answer {
	if e.code == "" {
		return serverError(wantsJSON(request.Header))
	}
	body := struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Hint        string `json:"hint,omitempty"`
		Message     string `json:"message,omitempty"`
	}{Error: e.code, Description: e.text, Hint: e.hint}
	if w.repeatsText {
		body.Message = e.text
	}
	if e.redirect != "" {
		query := url.Values{"error": {body.Error}, "error_description": {body.Description}}
		if body.Hint != "" {
			query.Set("hint", body.Hint)
		}
		if body.Message != "" {
			query.Set("message", body.Message)
		}
		return clientRedirect(e.redirect, query)
	}
	a := jsonAnswer(e.status, body)
	if authorization := request.Header.Get("Authorization"); e.challenges && authorization != "" {
		scheme := "Basic"
		if strings.HasPrefix(authorization, "Bearer") {
			scheme = "Bearer"
		}
		a.header.Set("WWW-Authenticate", scheme+` realm="OAuth"`)
	}
	return a
}
