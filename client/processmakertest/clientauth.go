package processmakertest

import (
	"strconv"
	"strings"
)

// authenticateClient begins an order with the client that the request names
// and proves to be. Body and Basic are looked at for each field on its own,
// the body first.
func (v *visit) authenticateClient(grant string) (issueOrder, *oauthError) {
	order := issueOrder{grant: grant}
	id, refusal := v.clientID()
	if refusal != nil {
		return order, refusal
	}
	secret, refusal := v.clientSecret()
	if refusal != nil {
		return order, refusal
	}
	if v.databaseAway {
		return order, crashed()
	}
	client := v.server.data.activeClient(databaseNumber(id))
	if client == nil {
		return order, invalidClient()
	}
	if refusal := v.world.checkClient(client, secret, grant); refusal != nil {
		return order, refusal
	}
	order.clientID, order.client = v.world.tokenClientID(id, client), client
	return order, v.checkRedirect(client)
}

// checkClient says whether a client may use a grant and proves to be itself.
func (w *world) checkClient(client *clientRow, secret, grant string) *oauthError {
	allowed := w.allows(client, grant)
	switch {
	case !allowed && w.grantBeforeSecret:
		return unauthorizedClient()
	case !allowed:
		return invalidClient()
	case !client.confidential():
		return nil
	case secret == "" && w.secretRequired:
		return invalidRequest("client_secret")
	case secret != client.Secret, client.PlainSecret && w.hashesSecrets:
		return invalidClient()
	}
	return nil
}

// tokenClientID is how codes and tokens name a client that was sent as id.
func (w *world) tokenClientID(id string, client *clientRow) string {
	if w.storedClientID {
		return formatID(client.ID)
	}
	return id
}

func (v *visit) clientID() (string, *oauthError) {
	if _, present := v.fields["client_id"]; present {
		id, ok := v.fields.scalar("client_id")
		switch {
		case !ok && v.world.castsScalars:
			return "", invalidRequest("client_id")
		case !ok:
			// A list or an object gets as far as the database query.
			return "", crashed()
		}
		return id, nil
	}
	if id, _, ok := v.basic(); ok {
		return id, nil
	}
	return "", invalidRequest("client_id")
}

func (v *visit) clientSecret() (string, *oauthError) {
	if _, present := v.fields["client_secret"]; present {
		secret, ok := v.text("client_secret")
		if !ok {
			return "", invalidRequest("client_secret")
		}
		return secret, nil
	}
	_, secret, _ := v.basic()
	if v.world.castsScalars {
		secret = strings.Trim(secret, trimmedByPHP)
	}
	return secret, nil
}

func (v *visit) basic() (id, secret string, ok bool) {
	return basicCredentials(v.request.Header.Get("Authorization"), v.world.basicInAnyCase)
}

// checkRedirect applies to every grant that sends a redirect_uri, needed or not.
func (v *visit) checkRedirect(client *clientRow) *oauthError {
	if _, present := v.fields["redirect_uri"]; !present || !v.world.foreignRedirect {
		return nil
	}
	uri, ok := v.text("redirect_uri")
	if !ok {
		return invalidRequest("redirect_uri")
	}
	if !client.redirectsTo(uri) {
		return invalidClient()
	}
	return nil
}

// databaseNumber reads a text as the database does when it compares it with a
// number: the digits in front count, and "3abc" is 3.
func databaseNumber(text string) int64 {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	if end == 0 {
		return 0
	}
	return parseID(text[:end])
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }
