package processmakertest

// Endpoint names what a request asks for. Token calls are told apart by their
// grant type, as tests care about the kind of work and not about the path.
type Endpoint string

// The kinds of requests. AnyToken and Any stand for groups; no exchange
// carries them itself.
const (
	PasswordGrant          Endpoint = "password grant"
	RefreshGrant           Endpoint = "refresh grant"
	AuthorizationCodeGrant Endpoint = "authorization code grant"
	ClientCredentialsGrant Endpoint = "client credentials grant"
	PersonalAccessGrant    Endpoint = "personal access grant"
	// OtherGrant is any other POST to the token endpoint.
	OtherGrant Endpoint = "other grant"

	ShowUser       Endpoint = "show user"
	ListUsers      Endpoint = "list users"
	UpdateUser     Endpoint = "update user"
	ChangePassword Endpoint = "change password"
	ListTokens     Endpoint = "list tokens"
	ShowToken      Endpoint = "show token"
	CreateToken    Endpoint = "create token"
	DeleteToken    Endpoint = "delete token"

	// Authorize is the authorization endpoint: the approve page and the answers
	// to it.
	Authorize Endpoint = "authorize"
	// WebLogin is the login form and what it sends.
	WebLogin Endpoint = "web login"

	// AnyToken is any call of the token endpoint.
	AnyToken Endpoint = "any token call"
	// Any is every request.
	Any Endpoint = "any"
	// Other is a request that none of the names above describes.
	Other Endpoint = "other"
)

// isGrant says whether requests of this kind go to the token endpoint.
func (e Endpoint) isGrant() bool {
	switch e {
	case PasswordGrant, RefreshGrant, AuthorizationCodeGrant, ClientCredentialsGrant, PersonalAccessGrant, OtherGrant:
		return true
	}
	return false
}

// isKnown says whether e is one of the names above.
func (e Endpoint) isKnown() bool {
	switch e {
	case ShowUser, ListUsers, UpdateUser, ChangePassword, ListTokens, ShowToken, CreateToken, DeleteToken,
		Authorize, WebLogin, AnyToken, Any, Other:
		return true
	}
	return e.isGrant()
}

// covers says whether a request of the given kind belongs to e, which may be a group.
func (e Endpoint) covers(kind Endpoint) bool {
	switch e {
	case Any:
		return true
	case AnyToken:
		return kind.isGrant()
	}
	return e == kind
}

// coveredByAny says whether one of the endpoints covers the kind. An empty
// list means every kind, so that a plain Count() counts everything.
func coveredByAny(endpoints []Endpoint, kind Endpoint) bool {
	for _, e := range endpoints {
		if e.covers(kind) {
			return true
		}
	}
	return len(endpoints) == 0
}
