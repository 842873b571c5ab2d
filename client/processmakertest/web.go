package processmakertest

import (
	"net/http"
	"slices"
	"strings"
)

// web answers everything outside the token endpoint and the API. All of it
// wants a web session, and a bearer token is none.
func (v *visit) web() answer {
	if v.fieldsErr != nil || !v.hostTrusted() {
		return v.badRequest()
	}
	method := v.webMethod()
	path := strings.Trim(v.request.URL.Path, "/")
	sessionOnly := strings.HasPrefix(path, "oauth/clients") || v.world.tokenPages && strings.HasPrefix(path, "oauth/tokens")
	if allowed := v.route.endpoint.webMethods(); !slices.Contains(allowed, method) && !sessionOnly {
		return v.wrongMethod(method, allowed, wantsJSON(v.request.Header))
	}
	v.server.mu.Lock()
	defer v.server.mu.Unlock()
	session := v.webSession()
	var a answer
	switch v.route.endpoint {
	case Authorize:
		a = v.authorize(session, method)
	case WebLogin:
		a = v.webLogin(session, method)
	default:
		a = v.missingPage(session)
	}
	v.setCookies(a, session)
	return a
}

// webMethods are the methods that a page can be called with.
func (e Endpoint) webMethods() []string {
	switch e {
	case Authorize:
		return []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete}
	case WebLogin:
		return []string{http.MethodGet, http.MethodHead, http.MethodPost}
	}
	return []string{http.MethodGet, http.MethodHead}
}

// webMethod is the request's method, or the one that a form names in its place,
// as forms can only be sent with GET and POST.
func (v *visit) webMethod() string {
	if named, ok := v.fields.text("_method"); ok && v.request.Method == http.MethodPost {
		return strings.ToUpper(named)
	}
	return v.request.Method
}

// missingPage stands for all pages that the double does not have. Which ones
// the product has is only told to those who are signed in.
func (v *visit) missingPage(session *webSession) answer {
	if v.signedIn(session) == nil {
		return v.toLogin()
	}
	return messageAnswer(http.StatusNotFound, "Not Found", wantsJSON(v.request.Header))
}

// toLogin is the answer to those who are not signed in.
func (v *visit) toLogin() answer {
	if wantsJSON(v.request.Header) {
		return unauthenticated()
	}
	return redirectAnswer(v.siteURL(loginPath))
}

// siteURL is the address of a path under the name that the browser uses, as a
// cookie is only good for that.
func (v *visit) siteURL(path string) string {
	scheme := "http://"
	if v.server.certificate != nil {
		scheme = "https://"
	}
	return scheme + v.request.Host + path
}
