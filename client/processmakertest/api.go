package processmakertest

import (
	"net/http"
	"slices"
	"strings"
)

// api answers what lies under the API's prefix. The method is looked at first
// and the bearer token next, even for paths that do not exist, and answers are
// JSON whatever Accept says.
func (v *visit) api() answer {
	if !v.hostTrusted() {
		return v.badRequest()
	}
	if methods := v.apiMethods(); !slices.Contains(methods, v.request.Method) {
		return v.wrongMethod(v.request.Method, methods, true)
	}
	v.server.mu.Lock()
	a := v.apiLocked()
	v.server.mu.Unlock()
	if v.world.entityTags && a.status == http.StatusOK && v.request.Method == http.MethodGet {
		a.header.Set("ETag", entityTag(a.body))
	}
	return a
}

func (v *visit) apiLocked() answer {
	if v.missesDatabase() {
		return serverError(true)
	}
	caller := v.caller()
	if caller == nil {
		return unauthenticated()
	}
	switch v.route.endpoint {
	case ListUsers:
		return v.listUsers(caller)
	case ChangePassword:
		return v.changePassword(caller)
	case ShowUser, UpdateUser, ListTokens, ShowToken, CreateToken, DeleteToken:
		target := v.server.data.presentUser(v.route.user)
		if target == nil {
			return notFound()
		}
		return v.userCall(caller, target)
	}
	return notFound()
}

// apiMethods are the methods that the path can be called with. Every path can be
// asked for, be it that the answer is that it is not there.
func (v *visit) apiMethods() []string {
	methods := []string{http.MethodGet, http.MethodHead}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		endpoint := findRoute(method, v.request.URL.Path, nil).endpoint
		if endpoint != Other && (endpoint != ChangePassword || v.server.release.hasPasswordChange()) {
			methods = append(methods, method)
		}
	}
	return methods
}

func (v *visit) wrongMethod(method string, allowed []string, asJSON bool) answer {
	list := strings.Join(allowed, ", ")
	a := messageAnswer(http.StatusMethodNotAllowed, "The "+method+" method is not supported for route "+
		strings.Trim(v.request.URL.Path, "/")+". Supported methods: "+list+".", asJSON)
	a.header.Set("Allow", list)
	return a
}

func (v *visit) userCall(caller, target *userRow) answer {
	switch v.route.endpoint {
	case ShowUser:
		return v.showUser(caller, target)
	case UpdateUser:
		return v.updateUser(caller, target)
	case ListTokens:
		return v.listTokens(caller, target)
	case ShowToken:
		return v.showToken(caller, target)
	case CreateToken:
		return v.createToken(caller, target)
	case DeleteToken:
		return v.deleteToken(caller, target)
	}
	return notFound()
}

// caller gives the user behind the bearer token, or nil.
func (v *visit) caller() *userRow {
	row := v.server.data.accepted(bearerToken(v.request.Header), v.server.config.Clock(), v.world)
	if row == nil {
		return nil
	}
	user := v.server.data.userByID(row.userID)
	v.server.log.nameCaller(v.record, formatID(row.clientID), user.Username)
	return user
}

// bearerToken reads the header as the framework does: the scheme in this very
// spelling, and what comes after its last occurrence.
func bearerToken(header http.Header) string {
	_, token, found := cutLast(header.Get("Authorization"), "Bearer ")
	if !found {
		return ""
	}
	token, _, _ = strings.Cut(token, ",")
	return strings.TrimSpace(token)
}
