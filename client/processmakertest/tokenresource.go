package processmakertest

import "time"

// tokenResource is a token as the API shows it; the text of the token is not
// part of it.
type tokenResource struct {
	ID        string   `json:"id"`
	UserID    int64    `json:"user_id"`
	ClientID  int64    `json:"client_id"`
	Name      *string  `json:"name"`
	Scopes    []string `json:"scopes"`
	Revoked   bool     `json:"revoked"`
	CreatedAt string   `json:"created_at"`
	UpdatedAt string   `json:"updated_at"`
	ExpiresAt string   `json:"expires_at"`
}

// listedToken is a token in a list, which shows the client along with it.
type listedToken struct {
	tokenResource
	Client clientResource `json:"client"`
}

type clientResource struct {
	ID             int64   `json:"id"`
	UserID         *int64  `json:"user_id"`
	Name           string  `json:"name"`
	Provider       *string `json:"provider"`
	Redirect       string  `json:"redirect"`
	PersonalAccess bool    `json:"personal_access_client"`
	Password       bool    `json:"password_client"`
	Revoked        bool    `json:"revoked"`
	CreatedAt      string  `json:"created_at"`
	UpdatedAt      string  `json:"updated_at"`
}

func newTokenResource(row *tokenRow) tokenResource {
	r := tokenResource{
		ID: row.id, UserID: row.userID, ClientID: row.clientID, Scopes: row.scopes, Revoked: row.revoked,
		CreatedAt: rowTime(row.createdAt), UpdatedAt: rowTime(row.updatedAt), ExpiresAt: rowTime(row.expiresAt),
	}
	if row.named {
		r.Name = &row.name
	}
	return r
}

func newClientResource(c *clientRow) clientResource {
	var owner *int64
	if c.OwnerID != 0 {
		owner = &c.OwnerID
	}
	return clientResource{
		ID: c.ID, UserID: owner, Name: c.Name, Redirect: c.Redirect, PersonalAccess: c.PersonalAccess, Password: c.Password,
		Revoked: c.Revoked, CreatedAt: rowTime(c.createdAt), UpdatedAt: rowTime(c.createdAt),
	}
}

// rowTime writes microseconds that are always zero, as the columns hold whole seconds.
func rowTime(t time.Time) string {
	return t.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05.000000Z")
}

// creationWithRow is the answer to the creation of a token that shows its row.
func creationWithRow(made issued) any {
	return struct {
		AccessToken string        `json:"accessToken"`
		Token       tokenResource `json:"token"`
	}{made.accessToken, newTokenResource(made.row)}
}

// creationWithID is the answer to the creation of a token that names only its id.
func creationWithID(made issued) any {
	return struct {
		ID          string `json:"accessTokenId"`
		TokenType   string `json:"tokenType"`
		ExpiresIn   int64  `json:"expiresIn"`
		AccessToken string `json:"accessToken"`
	}{made.row.id, "Bearer", made.expiresIn, made.accessToken}
}
