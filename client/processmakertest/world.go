package processmakertest

import "fmt"

// world is what depends on the version of Laravel Passport. Everything else
// reads these fields and never asks for the version.
type world struct {
	// repeatsText puts the text of an OAuth error into message, too.
	repeatsText bool
	// deadRefresh and deadCode are the refusals of a refresh token and of a code
	// that do not count any more.
	deadRefresh, deadCode oauthError
	// garbledCode is the hint for a code that cannot be decrypted.
	garbledCode string
	// foreignRedirect refuses a redirect_uri of any grant that is not registered.
	foreignRedirect bool
	// refusalsKeepState gives the client its state back with a refused scope.
	refusalsKeepState bool
	// missingResponseType is the refusal of an authorize request without a
	// response_type.
	missingResponseType oauthError

	// castsScalars takes numbers and booleans for strings and trims everything,
	// passwords too.
	castsScalars bool
	// scopeLists takes a list of scopes.
	scopeLists bool
	// basicInAnyCase takes the scheme of HTTP Basic in any case.
	basicInAnyCase bool

	// grantBeforeSecret refuses a grant that the client may not use by a name of
	// its own, before it looks at the secret.
	grantBeforeSecret bool
	// secretRequired calls a request without a secret malformed.
	secretRequired bool
	// hashesSecrets compares with hashes, so that a secret stored plain fits nothing.
	hashesSecrets bool
	// storedClientID puts the client's number into tokens, not the text sent.
	storedClientID bool
	// allows says which grants a client may use.
	allows func(*clientRow, string) bool
	// personalAccessOverHTTP has the grant of that name at the token endpoint.
	personalAccessOverHTTP bool
	// clientIsSubject names the client as the subject of its own tokens.
	clientIsSubject bool

	// refusesTwins takes a token for the client's own where the user has the
	// client's number.
	refusesTwins bool
	// skipsRevokedPersonalClients looks for an unrevoked client to make personal
	// access tokens with.
	skipsRevokedPersonalClients bool
	// creation is the answer to the creation of a personal access token.
	creation func(issued) any
	// hidesEnded keeps revoked and expired tokens from being listed, shown and
	// deleted.
	hidesEnded bool
	// showsClient shows the client along with a single token, not only in lists.
	showsClient bool
	wording     wording

	// What follows is done by the framework around Passport: an ETag on what the
	// API shows, a cookie for the product's own pages, pages for tokens, the
	// throttle's headers on a crash, and the number in each link of a list.
	entityTags, apiCookie, tokenPages, countsCrashes, numbersLinks bool

	start startData
}

// worldOf gives the world of a version of Passport.
func worldOf(passport int) (*world, error) {
	switch passport {
	case 12:
		return passport12(), nil
	case 13:
		return passport13(), nil
	}
	return nil, fmt.Errorf("there is no Passport %d, only 12 and 13", passport)
}

// passport12 is Passport 12 on league/oauth2-server 8.5.
func passport12() *world {
	return &world{
		repeatsText:         true,
		deadRefresh:         oauthError{status: 401, code: "invalid_request", text: deadRefreshText},
		deadCode:            oauthError{status: 400, code: "invalid_request", text: malformedText},
		garbledCode:         "Cannot decrypt the authorization code",
		foreignRedirect:     true,
		missingResponseType: *unsupportedGrantType(),

		scopeLists: true,

		allows:                 allowedByFlags,
		personalAccessOverHTTP: true,

		creation: creationWithRow,
		wording:  productWording(),

		entityTags: true, apiCookie: true, tokenPages: true, countsCrashes: true,

		start: startData{specialFrom: 3, redirect: "http://localhost"},
	}
}

// passport13 is Passport 13 on league/oauth2-server 9.4.
func passport13() *world {
	return &world{
		deadRefresh:         oauthError{status: 400, code: "invalid_grant", text: deadRefreshText},
		deadCode:            oauthError{status: 400, code: "invalid_grant", text: invalidGrantText},
		garbledCode:         "Cannot validate the provided authorization code",
		refusalsKeepState:   true,
		missingResponseType: *invalidRequest("response_type"),

		castsScalars:   true,
		basicInAnyCase: true,

		grantBeforeSecret: true,
		secretRequired:    true,
		hashesSecrets:     true,
		storedClientID:    true,
		allows:            allowedByContent,
		clientIsSubject:   true,

		refusesTwins:                true,
		skipsRevokedPersonalClients: true,
		creation:                    creationWithID,
		hidesEnded:                  true,
		showsClient:                 true,
		wording:                     frameworkWording(),

		numbersLinks: true,

		start: startData{specialFrom: 21, owner: 1},
	}
}
