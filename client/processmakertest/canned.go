package processmakertest

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Canned is a ProcessMaker for measurements: it answers the calls of a client
// that does everything right, without books, checks or cryptography, so that
// next to nothing of what is measured is its own. Every token is another one
// and has the size and the claims of the product's. Nobody is refused.
type Canned struct {
	url    string
	caPEM  string
	http   *http.Server
	made   atomic.Uint64
	random string
	counts cannedCounts
	// briefly leaves the row out of the answer to a creation.
	briefly bool
	// delay is what token calls and creations take.
	delay time.Duration
}

type cannedCounts struct {
	connections, tokenCalls, creations, revocations, lookUps atomic.Int64
	revoking, mostRevoking                                   atomic.Int64
}

// CannedCounts is what a Canned has seen since its start. Revocations counts
// each call of a revocation, MostRevoking how many were inside at a time.
type CannedCounts struct {
	Connections  int64 `json:"connections"`
	TokenCalls   int64 `json:"token_calls"`
	Creations    int64 `json:"creations"`
	Revocations  int64 `json:"revocations"`
	LookUps      int64 `json:"look_ups"`
	MostRevoking int64 `json:"most_revoking"`
}

// StartCanned starts a Canned. Of the config it takes the address, TLS, the
// seed, the Passport, and the delay of a grant, which its creations take too.
func StartCanned(config Config) (*Canned, error) {
	config = config.withDefaults()
	if _, err := worldOf(config.Passport); err != nil {
		return nil, err
	}
	bound, err := net.Listen("tcp", config.Address)
	if err != nil {
		return nil, err
	}
	c := &Canned{url: "http://" + bound.Addr().String(), briefly: config.Passport == 13, delay: config.GrantDelay}
	start := source{seed: []byte("canned " + config.Seed + config.Clock().String())}
	c.random = start.identifier("run", 0)[:cannedRandom]
	accepting := bound
	if config.TLS {
		caPEM, certificate, err := newAuthority()
		if err != nil {
			return nil, errors.Join(err, bound.Close())
		}
		c.caPEM, c.url = caPEM, "https://"+bound.Addr().String()
		accepting = tls.NewListener(bound, &tls.Config{
			Certificates: []tls.Certificate{certificate},
			NextProtos:   []string{"http/1.1"},
			MinVersion:   tls.VersionTLS12,
		})
	}
	c.http = &http.Server{
		Handler:  c,
		ErrorLog: log.New(io.Discard, "", 0),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				c.counts.connections.Add(1)
			}
		},
	}
	// Serve only ends when the server is closed, and its error says no more.
	go func() { _ = c.http.Serve(accepting) }()
	return c, nil
}

// URL is the base URL, without a slash at the end.
func (c *Canned) URL() string { return c.url }

// CACertPEM is the certificate of the authority behind the server's own, or ""
// without TLS.
func (c *Canned) CACertPEM() string { return c.caPEM }

// Close stops the server and cuts its connections.
func (c *Canned) Close() { c.http.Close() }

// Counts tells what the server has seen.
func (c *Canned) Counts() CannedCounts {
	n := &c.counts
	return CannedCounts{
		Connections: n.connections.Load(),
		TokenCalls:  n.tokenCalls.Load(),
		Creations:   n.creations.Load(),
		Revocations: n.revocations.Load(),
		LookUps:     n.lookUps.Load(), MostRevoking: n.mostRevoking.Load(),
	}
}

// ServeHTTP makes a Canned usable without a network, too.
func (c *Canned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A body that is left unread would end the connection.
	_, _ = io.Copy(io.Discard, r.Body)
	switch path := r.URL.Path; {
	case path == "/oauth/token" && r.ContentLength == 0:
		// What asks without a grant wants to know whether this is the token endpoint.
		writeCanned(w, http.StatusBadRequest, []byte(`{"error":"unsupported_grant_type","error_description":"The authorization grant type is not supported by the authorization server."}`))
	case path == "/oauth/token":
		c.counts.tokenCalls.Add(1)
		time.Sleep(c.delay)
		writeCanned(w, http.StatusOK, c.grantAnswer())
	case path == "/_test/counts":
		// A struct of numbers always marshals.
		body, _ := json.Marshal(c.Counts())
		writeCanned(w, http.StatusOK, body)
	case r.Method == http.MethodPost && strings.HasSuffix(path, "/tokens"):
		c.counts.creations.Add(1)
		time.Sleep(c.delay)
		writeCanned(w, http.StatusOK, c.personalAnswer())
	case r.Method == http.MethodDelete:
		c.revoke(w, path)
	default:
		// All look-ups that are made of a canned token ask whether it is dead
		// after it was revoked, and the check of the connection wants the same.
		c.counts.lookUps.Add(1)
		writeCanned(w, http.StatusUnauthorized, []byte(`{"error":"Unauthenticated."}`))
	}
}

// revoke answers as the product does: an error for a token without a name.
func (c *Canned) revoke(w http.ResponseWriter, path string) {
	inside := c.counts.revoking.Add(1)
	defer c.counts.revoking.Add(-1)
	for most := c.counts.mostRevoking.Load(); inside > most && !c.counts.mostRevoking.CompareAndSwap(most, inside); {
		most = c.counts.mostRevoking.Load()
	}
	c.counts.revocations.Add(1)
	id := path[strings.LastIndexByte(path, '/')+1:]
	if strings.HasPrefix(id, cannedNamed) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	writeCanned(w, http.StatusInternalServerError, []byte("{\n    \"message\": \"Server Error\"\n}"))
}

// The parts of an id: what kind of token it is, which run made it, and its
// number; together as long as the product's.
const (
	cannedUnnamed = "a"
	cannedNamed   = "b"
	cannedRandom  = 63
	cannedUserID  = "2"
)

// nextID makes a token's id.
func (c *Canned) nextID(kind string) string {
	number := strconv.FormatUint(c.made.Add(1), 16)
	return kind + c.random + "0000000000000000"[len(number):] + number
}

var (
	cannedHeader    = strictBase64.EncodeToString([]byte(`{"typ":"JWT","alg":"RS256"}`))
	cannedSignature = strictBase64.EncodeToString(make([]byte, 512))
	// cannedRefreshToken has the size of the product's. Nobody looks into it,
	// so all are the same.
	cannedRefreshToken = "def50200" + strings.Repeat("0123456789abcdef", 44)
)

// appendToken writes a token as the product's, but for its signature.
func appendToken(to []byte, id, clientID string, now time.Time) []byte {
	seconds := now.Unix()
	payload := make([]byte, 0, 256)
	payload = append(payload, `{"aud":"`...)
	payload = append(payload, clientID...)
	payload = append(payload, `","jti":"`...)
	payload = append(payload, id...)
	payload = append(payload, `","iat":`...)
	payload = strconv.AppendInt(payload, seconds, 10)
	payload = append(payload, `.123456,"nbf":`...)
	payload = strconv.AppendInt(payload, seconds, 10)
	payload = append(payload, `.123456,"exp":`...)
	payload = strconv.AppendInt(payload, seconds+cannedLife, 10)
	payload = append(payload, `.123456,"sub":"`+cannedUserID+`","scopes":[]}`...)
	to = append(to, cannedHeader...)
	to = append(to, '.')
	to = strictBase64.AppendEncode(to, payload)
	to = append(to, '.')
	return append(to, cannedSignature...)
}

// cannedLife is a year in seconds.
const cannedLife = 365 * 24 * 60 * 60

func (c *Canned) grantAnswer() []byte {
	body := make([]byte, 0, 2048)
	body = append(body, `{"token_type":"Bearer","expires_in":`...)
	body = strconv.AppendInt(body, cannedLife, 10)
	body = append(body, `,"access_token":"`...)
	body = appendToken(body, c.nextID(cannedUnnamed), "3", time.Now())
	body = append(body, `","refresh_token":"`...)
	body = append(body, cannedRefreshToken...)
	return append(body, `"}`...)
}

func (c *Canned) personalAnswer() []byte {
	id := c.nextID(cannedNamed)
	body := make([]byte, 0, 2048)
	if c.briefly {
		body = append(body, `{"accessTokenId":"`...)
		body = append(body, id...)
		body = append(body, `","tokenType":"Bearer","expiresIn":`...)
		body = strconv.AppendInt(body, cannedLife, 10)
		body = append(body, `,"accessToken":"`...)
		body = appendToken(body, id, "1", time.Now())
		return append(body, `"}`...)
	}
	body = append(body, `{"accessToken":"`...)
	body = appendToken(body, id, "1", time.Now())
	body = append(body, `","token":{"id":"`...)
	body = append(body, id...)
	return append(body, `","user_id":`+cannedUserID+`,"client_id":1,"name":"canned","scopes":[],"revoked":false,"created_at":"2026-01-01T00:00:00+00:00","updated_at":"2026-01-01T00:00:00+00:00","expires_at":"2027-01-01T00:00:00+00:00"}}`...)
}

func writeCanned(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header["Content-Type"] = []string{"application/json"}
	header["Cache-Control"] = []string{"no-store, private"}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	// A client that does not wait for the end has no use for an error.
	_, _ = w.Write(body)
}
