package processmakertest

import (
	"strconv"
	"time"
)

// issueOrder is what a grant has decided before tokens are made.
type issueOrder struct {
	// clientID is the text that the client sent, which the tokens carry on.
	clientID string
	client   *clientRow
	userID   string
	// subject is who the token is about, where that is not the user.
	subject  string
	scopes   []string
	grant    string
	refresh  bool
	issuedIn *record
}

// issued is what a grant hands out. ExpiresIn counts the seconds of the year
// to come, which may be a leap year.
type issued struct {
	row          *tokenRow
	accessToken  string
	refreshToken string
	expiresIn    int64
}

// refreshContent is what a refresh token holds, in the product's order.
type refreshContent struct {
	ClientID       string   `json:"client_id"`
	RefreshTokenID string   `json:"refresh_token_id"`
	AccessTokenID  string   `json:"access_token_id"`
	Scopes         []string `json:"scopes"`
	UserID         string   `json:"user_id"`
	ExpireTime     int64    `json:"expire_time"`
}

// issue stores the rows and makes the texts of an access token and, where the
// grant has one, a refresh token. It is false where the database would refuse
// the row: a client id or user id that is not a number as a whole.
func (d *database) issue(order issueOrder, now time.Time) (issued, bool) {
	if _, err := strconv.ParseInt(order.clientID, 10, 64); err != nil {
		return issued{}, false
	}
	var userID int64
	if order.userID != "" {
		var err error
		if userID, err = strconv.ParseInt(order.userID, 10, 64); err != nil {
			return issued{}, false
		}
	}
	now = now.Truncate(time.Microsecond)
	expiresAt := now.AddDate(1, 0, 0)
	scopes := append([]string{}, order.scopes...)
	row := &tokenRow{
		id:          d.source.identifier("access token", d.next()),
		userID:      userID,
		clientID:    order.client.ID,
		scopes:      scopes,
		createdAt:   now,
		updatedAt:   now,
		expiresAt:   expiresAt,
		grant:       order.grant,
		passportKey: d.passportKey,
		issuedIn:    order.issuedIn,
	}
	d.tokens = append(d.tokens, row)
	d.byID[row.id] = row

	out := issued{row: row, expiresIn: int64(expiresAt.Sub(now) / time.Second)}
	subject := order.userID
	if order.subject != "" {
		subject = order.subject
	}
	out.accessToken = d.sign(claims{
		Audience:  order.clientID,
		ID:        row.id,
		IssuedAt:  unixTime(now),
		NotBefore: unixTime(now),
		Expires:   unixTime(expiresAt),
		Subject:   subject,
		Scopes:    scopes,
	})
	if order.refresh {
		id := d.source.identifier("refresh token", d.next())
		d.refresh[id] = &refreshRow{accessTokenID: row.id, clientID: row.clientID, expiresAt: expiresAt, appKey: d.appKey}
		out.refreshToken = d.seal(refreshContent{
			ClientID:       order.clientID,
			RefreshTokenID: id,
			AccessTokenID:  row.id,
			Scopes:         scopes,
			UserID:         order.userID,
			ExpireTime:     expiresAt.Unix(),
		})
	}
	return out, true
}
