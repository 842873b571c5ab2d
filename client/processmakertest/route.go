package processmakertest

import (
	"net/http"
	"strconv"
	"strings"
)

// route is where a request leads.
type route struct {
	endpoint Endpoint
	// api is set for everything under the API's prefix, which checks the bearer
	// token even for paths that it does not know.
	api bool
	// user is the user in the path; -1 when the number is beyond all ids.
	user int64
	// token is the token id in the path.
	token string
}

const apiPrefix = "/api/1.0/"

// findRoute sorts a request. The fields tell the grants apart.
func findRoute(method, path string, fields parameters) route {
	path = "/" + strings.Trim(path, "/")
	if path == "/oauth/token" && method == http.MethodPost {
		return route{endpoint: grantEndpoint(fields)}
	}
	rest, ok := strings.CutPrefix(path, apiPrefix)
	if !ok {
		return route{endpoint: webEndpoint(path)}
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	found := route{endpoint: Other, api: true}
	parts := strings.Split(rest, "/")
	switch {
	case method == http.MethodGet && rest == "users":
		found.endpoint = ListUsers
	case method == http.MethodPut && rest == "password/change":
		found.endpoint = ChangePassword
	case len(parts) > 1 && parts[0] == "users" && isDigits(parts[1]):
		found.user = parseID(parts[1])
		found.endpoint = userEndpoint(method, parts[2:])
		if len(parts) == 4 {
			found.token = parts[3]
		}
	}
	return found
}

func grantEndpoint(fields parameters) Endpoint {
	grant, _ := fields.text("grant_type")
	switch grant {
	case grantPassword:
		return PasswordGrant
	case grantRefresh:
		return RefreshGrant
	case grantAuthorizationCode:
		return AuthorizationCodeGrant
	case grantClientCredentials:
		return ClientCredentialsGrant
	case grantPersonalAccess:
		return PersonalAccessGrant
	}
	return OtherGrant
}

// webEndpoint sorts the paths that need no bearer token.
func webEndpoint(path string) Endpoint {
	switch path {
	case "/oauth/authorize":
		return Authorize
	case loginPath:
		return WebLogin
	}
	return Other
}

// userEndpoint sorts a path by what comes after users/{id}.
func userEndpoint(method string, rest []string) Endpoint {
	shape := method
	switch {
	case len(rest) == 1 && rest[0] == "tokens":
		shape += " tokens"
	case len(rest) == 2 && rest[0] == "tokens":
		shape += " token"
	case len(rest) > 0:
		return Other
	}
	switch shape {
	case "GET":
		return ShowUser
	case "PUT":
		return UpdateUser
	case "GET tokens":
		return ListTokens
	case "POST tokens":
		return CreateToken
	case "GET token":
		return ShowToken
	case "DELETE token":
		return DeleteToken
	}
	return Other
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

func parseID(digits string) int64 {
	id, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return -1
	}
	return id
}
