package processmakertest

import (
	"net/http"
	"time"
)

const (
	loginPath = "/login"
	// homePath is where the login leads to if nothing else was asked for.
	homePath = "/requests"
)

// wrongLogin is all that the form says about any refusal.
const wrongLogin = "These credentials do not match our records."

// webLogin shows the login form and takes what it sends. There is no token
// against forged requests in it: the product has that check switched off.
func (v *visit) webLogin(session *webSession, method string) answer {
	if v.signedIn(session) != nil {
		return redirectAnswer(v.siteURL(homePath))
	}
	if method != http.MethodPost {
		complaint := session.complaint
		session.complaint = ""
		return loginPage(complaint)
	}
	if v.databaseAway {
		return serverError(wantsJSON(v.request.Header))
	}
	username, _ := v.fields.text("username")
	password, _ := v.fields.text("password")
	user := v.server.data.userByName(username)
	if user == nil || !user.acceptsPassword(password) || !user.mayUsePages(v.server.config.Clock()) {
		session.complaint = wrongLogin
		return redirectAnswer(v.siteURL(loginPath))
	}
	target := session.intended
	if target == "" {
		target = v.siteURL(homePath)
	}
	session.userID, session.intended = user.ID, ""
	v.renameSession(session)
	return redirectAnswer(target)
}

// mayUsePages is asked by the login form and by nothing else: the token endpoint
// and the API let all of these users in, save the deleted ones. The product
// stops some of them only on the page after the form.
func (u *userRow) mayUsePages(now time.Time) bool {
	if u.Status == "INACTIVE" || u.Status == "BLOCKED" {
		return false
	}
	expired := !u.ExpiresAt.IsZero() && now.After(u.ExpiresAt)
	return !u.Deleted && !u.ForcePasswordChange && !expired
}
