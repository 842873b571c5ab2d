package processmakertest

import (
	"net/http"
	"time"
)

// webSession is what the server remembers of a browser. The product lets one
// end after two idle hours; here it lasts as long as the server.
type webSession struct {
	id string
	// userID is 0 before the login.
	userID int64
	// intended is where the login leads to.
	intended string
	// complaint is what the login form shows when it comes next.
	complaint string
	// asked is what the approve page was shown for, with a token that proves that
	// the answer comes from that very page.
	asked     *authorization
	formToken string
}

const (
	sessionCookieName = "processmaker_session"
	// apiCookieName is a cookie for the product's own pages, which call the API
	// with it. The double's API does not take it.
	apiCookieName = "laravel_token"
)

// apiCookieLifetime is how long the product's own pages go on without a reload.
const apiCookieLifetime = 2 * time.Hour

// webSession gives the session of the request's cookie, or a new one.
func (v *visit) webSession() *webSession {
	if cookie, err := v.request.Cookie(sessionCookieName); err == nil {
		if session := v.server.data.sessions[cookie.Value]; session != nil {
			return session
		}
	}
	session := &webSession{}
	v.renameSession(session)
	return session
}

// renameSession gives a session a new cookie, after which the old one is worth
// nothing: who knew it before the login must not get in by it.
func (v *visit) renameSession(session *webSession) {
	delete(v.server.data.sessions, session.id)
	session.id = v.server.sessionCookie(v.record)
	v.server.data.sessions[session.id] = session
}

// signedIn gives the user of a session, or nil.
func (v *visit) signedIn(session *webSession) *userRow {
	return v.server.data.presentUser(session.userID)
}

func (v *visit) setCookies(a answer, session *webSession) {
	if v.world.apiCookie && v.route.endpoint == Authorize && v.request.Method == http.MethodGet && v.signedIn(session) != nil {
		value := v.server.cookies.letters("api", uint64(v.record.exchange.Number), 200)
		expires := v.server.config.Clock().Add(apiCookieLifetime).UTC().Format(http.TimeFormat)
		a.header.Add("Set-Cookie", apiCookieName+"="+value+"; expires="+expires+"; Max-Age=7200; path=/; httponly; samesite=lax")
	}
	a.header.Add("Set-Cookie", sessionCookieName+"="+session.id+"; path=/; httponly; samesite=lax")
}
