package processmakertest

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// grant answers the token endpoint, behind the throttle.
func (v *visit) grant() answer {
	if v.fieldsErr != nil || !v.hostTrusted() {
		return v.badRequest()
	}
	v.server.pause(v.server.config.GrantDelay)
	v.server.mu.Lock()
	made, refusal := v.issueGrant()
	v.server.mu.Unlock()
	if refusal != nil {
		return refusal.answer(v.request, v.world)
	}
	v.tokenID = made.row.id
	a := jsonAnswer(http.StatusOK, struct {
		TokenType    string `json:"token_type"`
		ExpiresIn    int64  `json:"expires_in"`
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token,omitempty"`
	}{"Bearer", made.expiresIn, made.accessToken, made.refreshToken})
	a.header.Set("Content-Type", "application/json; charset=UTF-8")
	a.header.Set("Cache-Control", "no-store, private")
	a.header.Set("Pragma", "no-cache")
	return a
}

// issueGrant is called with the server's lock held, as all grants are.
func (v *visit) issueGrant() (issued, *oauthError) {
	switch v.route.endpoint {
	case PasswordGrant:
		if v.server.release.lacksPasswordGrant() {
			return issued{}, unsupportedGrantType()
		}
		return v.passwordGrant()
	case RefreshGrant:
		return v.refreshGrant()
	case AuthorizationCodeGrant:
		return v.codeGrant()
	case ClientCredentialsGrant:
		return v.clientCredentialsGrant()
	case PersonalAccessGrant:
		if !v.world.personalAccessOverHTTP {
			return issued{}, unsupportedGrantType()
		}
		return v.personalAccessGrant()
	}
	return issued{}, unsupportedGrantType()
}

func (v *visit) passwordGrant() (issued, *oauthError) {
	order, refusal := v.orderWithScopes(grantPassword)
	if refusal != nil {
		return issued{}, refusal
	}
	username, ok := v.text("username")
	if !ok {
		return issued{}, invalidRequest("username")
	}
	password, ok := v.text("password")
	if !ok {
		return issued{}, invalidRequest("password")
	}
	user := v.server.data.userByName(username)
	if user == nil || user.Deleted || !user.acceptsPassword(password) {
		return issued{}, invalidCredentials()
	}
	order.userID = formatID(user.ID)
	order.refresh = true
	return v.issue(order)
}

func (v *visit) clientCredentialsGrant() (issued, *oauthError) {
	order, refusal := v.orderWithScopes(grantClientCredentials)
	if refusal != nil {
		return issued{}, refusal
	}
	if v.world.clientIsSubject {
		order.subject = order.clientID
	}
	return v.issue(order)
}

// personalAccessGrant asks for no consent of the user, nor whether there is one.
func (v *visit) personalAccessGrant() (issued, *oauthError) {
	order, refusal := v.orderWithScopes(grantPersonalAccess)
	if refusal != nil {
		return issued{}, refusal
	}
	order.userID, _ = v.fields.scalar("user_id")
	return v.issue(order)
}

// orderWithScopes does what these grants begin with: authenticate the client,
// then look at the scopes.
func (v *visit) orderWithScopes(grant string) (issueOrder, *oauthError) {
	order, refusal := v.authenticateClient(grant)
	if refusal != nil {
		return order, refusal
	}
	order.scopes, refusal = v.scopes(nil)
	return order, refusal
}

func (v *visit) issue(order issueOrder) (issued, *oauthError) {
	order.issuedIn = v.record
	made, ok := v.server.data.issue(order, v.server.config.Clock())
	if !ok {
		return issued{}, crashed()
	}
	return made, nil
}

// text gives a field that has to be a string, or one that is turned into it.
func (v *visit) text(name string) (string, bool) {
	if !v.world.castsScalars {
		return v.fields.text(name)
	}
	value, ok := v.fields.scalar(name)
	value = strings.Trim(value, trimmedByPHP)
	return value, ok && value != ""
}

// trimmedByPHP are the characters that PHP's trim removes.
const trimmedByPHP = " \t\n\r\x00\x0b"

// scopes gives the scopes asked for, or the inherited ones. None is defined, so
// that only "*" is known.
func (v *visit) scopes(inherited []string) ([]string, *oauthError) {
	return readScopes(v.fields, inherited, v.world)
}

func readScopes(fields parameters, inherited []string, w *world) ([]string, *oauthError) {
	asked := inherited
	switch value := fields["scope"].(type) {
	case nil:
	case string:
		asked = strings.Fields(value)
	case []any:
		if !w.scopeLists {
			return nil, invalidRequest("scope")
		}
		asked = nil
		for _, item := range value {
			name, ok := item.(string)
			if !ok {
				return nil, invalidRequest("scope")
			}
			asked = append(asked, name)
		}
	default:
		return nil, invalidRequest("scope")
	}
	for _, scope := range asked {
		if scope != "*" {
			return nil, invalidScope(scope)
		}
	}
	return asked, nil
}

// basicCredentials reads an Authorization header as the library does. Anything
// amiss means no credentials, not an error. Id and secret are not percent-decoded.
func basicCredentials(header string, anyCase bool) (id, secret string, ok bool) {
	const scheme = "Basic "
	if len(header) < len(scheme) {
		return "", "", false
	}
	given := header[:len(scheme)]
	if given != scheme && !(anyCase && strings.EqualFold(given, scheme)) {
		return "", "", false
	}
	encoded := strings.TrimRight(strings.TrimSpace(header[len(scheme):]), "=")
	decoded, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(decoded), ":")
}
