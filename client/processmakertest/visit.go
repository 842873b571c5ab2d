package processmakertest

import (
	"net"
	"net/http"
	"strings"
)

// visit is one request on its way through the server.
type visit struct {
	server  *Server
	world   *world
	request *http.Request
	body    []byte
	fields  parameters
	// fieldsErr is set for a body that is not the JSON it claims to be.
	fieldsErr error
	route     route
	record    *record
	// tokenID is the token that the request made or addressed.
	tokenID string

	// meet is called in a refresh between the check and the first write, with
	// no lock held. Faults set it.
	meet func()
	// breakHalfWay makes a refresh fail after the old tokens were revoked.
	breakHalfWay bool
	// breakNaming makes the creation of a personal access token fail between its
	// two writes, and namingBroke says that it came to that.
	breakNaming, namingBroke bool
	// databaseAway makes the first query fail.
	databaseAway bool
	// unfinished is set where the caller gets an answer and the work goes on.
	unfinished bool
}

func (s *Server) newVisit(r *http.Request, body []byte) *visit {
	v := &visit{server: s, world: s.world.Load(), request: r, body: body}
	v.fields, v.fieldsErr = readParameters(r.Header.Get("Content-Type"), body)
	v.route = findRoute(r.Method, r.URL.Path, v.fields)
	v.tokenID = v.route.token
	return v
}

// process gives the product's own answer.
func (v *visit) process() answer {
	var a answer
	switch {
	case v.route.endpoint.isGrant():
		a = v.throttled(v.grant)
	case v.route.api:
		a = v.api()
	default:
		a = v.web()
	}
	return v.server.withTenant(a)
}

// withTenant adds the headers that current releases put on every answer.
func (s *Server) withTenant(a answer) answer {
	if s.release.namesTenant() {
		a.header.Set("X-Tenant-Id", "none")
		a.header.Set("X-Tenant-Name", "No tenant")
	}
	return a
}

// badRequest is the product's word for a body or a host that it cannot accept.
func (v *visit) badRequest() answer {
	return messageAnswer(http.StatusBadRequest, "Bad request.", v.route.api || wantsJSON(v.request.Header))
}

// hostTrusted says whether the Host header is a name of this server. A server
// that listens on all addresses cannot know its names.
func (v *visit) hostTrusted() bool {
	if !v.server.release.checksHost() {
		return true
	}
	own, _, err := net.SplitHostPort(v.server.config.Address)
	if err != nil || own == "" || own == "0.0.0.0" || own == "::" {
		return true
	}
	host := v.request.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	switch host {
	case strings.ToLower(own), "127.0.0.1", "::1", "localhost":
		return true
	}
	return strings.HasSuffix(host, ".localhost")
}
