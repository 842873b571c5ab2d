package processmakertest

import (
	"net/url"
	"strings"
)

// authorization is what a client asks for at the authorization endpoint, once
// it was found right.
type authorization struct {
	// clientID is the text that the client sent, which the code carries on.
	clientID string
	client   *clientRow
	// redirectURI is empty if the client left it to its registration.
	redirectURI     string
	scopes          []string
	state           string
	challenge       string
	challengeMethod string
}

// readAuthorization checks an authorization request in the product's order.
// Before the redirect URI is known to be the client's, and for all else that
// is only the client's own mistake, the browser shows the refusal; an unknown
// scope is reported to the client.
func (v *visit) readAuthorization() (authorization, *oauthError) {
	query := formParameters([]byte(v.request.URL.RawQuery))
	id, hasID := query.text("client_id")
	switch kind, given := query.text("response_type"); {
	case !given:
		return authorization{}, &v.world.missingResponseType
	case kind != "code" || !hasID:
		return authorization{}, unsupportedGrantType()
	}
	if v.databaseAway {
		return authorization{}, crashed()
	}
	asked := authorization{clientID: id, client: v.server.data.activeClient(databaseNumber(id))}
	if asked.client == nil {
		return asked, invalidClient()
	}
	asked.clientID = v.world.tokenClientID(id, asked.client)
	var hasURI bool
	if asked.redirectURI, hasURI = query.text("redirect_uri"); hasURI {
		if !asked.client.redirectsTo(asked.redirectURI) {
			return asked, invalidClient()
		}
	} else if strings.Contains(asked.client.Redirect, ",") {
		return asked, invalidClient()
	}
	asked.state, _ = query.text("state")
	var refusal *oauthError
	if asked.scopes, refusal = readScopes(query, nil, v.world); refusal != nil {
		refusal.redirect = asked.target()
		if v.world.refusalsKeepState {
			refusal.redirect = withQuery(refusal.redirect, asked.answerQuery())
		}
		return asked, refusal
	}
	return asked, asked.readChallenge(query)
}

// readChallenge takes the proof key, which only clients without a secret must have.
func (a *authorization) readChallenge(query parameters) *oauthError {
	challenge, present := query.text("code_challenge")
	if !present {
		if !a.client.confidential() {
			return invalidRequestHint("Code challenge must be provided for public clients")
		}
		return nil
	}
	method, given := query.text("code_challenge_method")
	if !given {
		method = "plain"
	}
	if method != "S256" && method != "plain" {
		return invalidRequestHint("Code challenge method must be one of `S256`, `plain`")
	}
	if !proofShape.MatchString(challenge) {
		return invalidRequestHint("Code challenge must follow the specifications of RFC-7636.")
	}
	a.challenge, a.challengeMethod = challenge, method
	return nil
}

// target is where the browser goes in the end.
func (a *authorization) target() string {
	if a.redirectURI != "" {
		return a.redirectURI
	}
	return a.client.Redirect
}

// answerQuery is what every answer to this request carries back.
func (a *authorization) answerQuery() url.Values {
	if a.state == "" {
		return url.Values{}
	}
	return url.Values{"state": {a.state}}
}

// withQuery adds to an address that may have a query of its own.
func withQuery(address string, query url.Values) string {
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return address + separator + query.Encode()
}
