package processmakertest

import (
	"net/http"
	"net/url"
	"time"
)

// authorize answers the authorization endpoint: GET asks, POST approves and
// DELETE denies.
func (v *visit) authorize(session *webSession, method string) answer {
	user := v.signedIn(session)
	if method == http.MethodPost || method == http.MethodDelete {
		if user == nil {
			return v.toLogin()
		}
		return v.conclude(session, user, method == http.MethodPost)
	}
	// The request is checked before anybody has to sign in for it.
	asked, refusal := v.readAuthorization()
	if refusal != nil {
		return refusal.answer(v.request, v.world)
	}
	if user == nil {
		session.intended = v.siteURL(v.request.URL.RequestURI())
		return v.toLogin()
	}
	v.server.log.nameCaller(v.record, asked.clientID, user.Username)
	if v.server.data.approvedBefore(asked.client, user, v.server.config.Clock()) {
		return v.approved(user, asked)
	}
	session.asked = &asked
	session.formToken = v.server.cookies.letters("form", uint64(v.record.exchange.Number), 16)
	return approvePage(user, session)
}

// conclude takes what the approve page sends. What was asked for stays in the
// session, so that approving twice gives two codes, as in the product.
func (v *visit) conclude(session *webSession, user *userRow, approves bool) answer {
	if v.databaseAway {
		return serverError(wantsJSON(v.request.Header))
	}
	if token, given := v.fields.text("auth_token"); given && token != session.formToken {
		session.asked, session.formToken = nil, ""
		return messageAnswer(http.StatusForbidden,
			"The provided auth token for the request is different from the session auth token.", wantsJSON(v.request.Header))
	}
	if session.asked == nil {
		return serverError(wantsJSON(v.request.Header))
	}
	asked := *session.asked
	v.server.log.nameCaller(v.record, asked.clientID, user.Username)
	if approves {
		return v.approved(user, asked)
	}
	denial := accessDenied(withQuery(asked.target(), asked.answerQuery()))
	return denial.answer(v.request, v.world)
}

func (v *visit) approved(user *userRow, asked authorization) answer {
	query := asked.answerQuery()
	query.Set("code", v.server.issueCode(user, asked))
	return clientRedirect(asked.target(), query)
}

// approvedBefore says whether nobody has to be asked: the user's newest token
// of the client still stands and has the scopes that are asked for. These are
// none, as "*", the only known one, does not count here.
func (d *database) approvedBefore(client *clientRow, user *userRow, now time.Time) bool {
	var newest *tokenRow
	for _, row := range d.tokens {
		ofBoth := row.clientID == client.ID && row.userID == user.ID
		if ofBoth && !row.revoked && now.Before(row.expiresAt) && (newest == nil || row.expiresAt.After(newest.expiresAt)) {
			newest = row
		}
	}
	return newest != nil && len(newest.scopes) == 0
}

// clientRedirect is the OAuth library's redirect, which has no page.
func clientRedirect(address string, query url.Values) answer {
	a := newAnswer(http.StatusFound, "text/html; charset=UTF-8", nil)
	a.header.Set("Location", withQuery(address, query))
	return a
}
