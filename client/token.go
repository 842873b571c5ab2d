package client

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Token is an access token with its claims.
type Token struct {
	// Value is the secret.
	Value string
	// Type is the token_type of the answer, "Bearer".
	Type string
	// ID is the jti claim, by which the API knows the token.
	ID string
	// UserID is the sub claim, ProcessMaker's number of the user.
	UserID string
	// audience is the aud claim; empty where Value has not been read for it.
	audience audience
	// ReceivedAt is when the answer arrived, by our own clock.
	ReceivedAt time.Time
	// NotBefore is the nbf claim, by the clock of the server that made the token;
	// zero where it is not known.
	NotBefore time.Time
	// ExpireTime is ProcessMaker's own end of the token.
	ExpireTime time.Time
}

const (
	bearer = "Bearer"
	// longestToken is what web servers take as one header.
	longestToken = 8 << 10
)

var (
	userIDPattern  = regexp.MustCompile(`^[0-9]{1,20}$`)
	tokenIDPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
)

// ReadToken is a bearer token that was received before.
func ReadToken(value string, receivedAt time.Time) (Token, error) {
	return parseToken(value, bearer, receivedAt)
}

// parseToken reads the claims of a token that has just come from the server
// itself. The signature is not checked: Passport publishes no key, and the
// connection vouches for the sender.
func parseToken(value, tokenType string, now time.Time) (Token, error) {
	if len(value) > longestToken {
		return Token{}, errors.New("the access token is longer than any header may be")
	}
	if !strings.EqualFold(tokenType, bearer) {
		return Token{}, errors.New("the token_type is not Bearer")
	}
	payload, ok := signedPayload(value)
	if !ok {
		return Token{}, errors.New("the access token is not an RS256 JWT as ProcessMaker 4 makes them (ProcessMaker 3 is not supported)")
	}
	var claims claims
	if json.Unmarshal(payload, &claims) != nil {
		return Token{}, errors.New("the claims of the access token cannot be read")
	}
	switch {
	case !tokenIDPattern.MatchString(string(claims.ID)):
		return Token{}, errors.New("the access token has no usable jti claim")
	case !userIDPattern.MatchString(string(claims.Subject)):
		return Token{}, errors.New("the access token has no user in its sub claim")
	case claims.ExpireTime.IsZero():
		return Token{}, errors.New("the access token has no exp claim")
	case !claims.ExpireTime.After(now):
		// Taken as it says, it would never be revoked.
		return Token{}, errors.New("the access token says that it has expired already; compare the clocks of Vault and ProcessMaker")
	}
	return Token{
		Value:      value,
		Type:       tokenType,
		ID:         string(claims.ID),
		UserID:     string(claims.Subject),
		audience:   claims.Audience,
		ReceivedAt: now,
		NotBefore:  claims.NotBefore.Time,
		ExpireTime: claims.ExpireTime.Time,
	}, nil
}

// Twin tells whether the token's user has the number of its auth client. Passport
// 13 takes such a token for the client's own and refuses it, as long as the client
// has no owner: a refusal of a twin does not say that it is dead.
func (t Token) Twin() bool { return t.UserID != "" && t.UserID == t.Audience() }

// Audience is the number of the auth client that the token was made through; empty
// where the token does not say.
func (t Token) Audience() string {
	if t.audience != "" {
		return string(t.audience)
	}
	// A stored token: what it says of itself is in its value alone.
	_, rest, _ := strings.Cut(t.Value, ".")
	encoded, _, _ := strings.Cut(rest, ".")
	payload, err := base64.RawURLEncoding.DecodeString(encoded)
	var claims struct {
		Audience audience `json:"aud"`
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return string(claims.Audience)
}

// signedPayload gives the claims of an RS256 JWT in compact form (RFC 7515
// §3.1). A library for JOSE does that too, but takes the rest apart as well,
// signature included, at a tenth of the cost of a whole login.
func signedPayload(value string) (payload []byte, ok bool) {
	header, rest, _ := strings.Cut(value, ".")
	encoded, signature, _ := strings.Cut(rest, ".")
	if signature == "" || strings.Contains(signature, ".") {
		return nil, false
	}
	if header != passportHeader && !isRS256(header) {
		return nil, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(encoded)
	return payload, err == nil
}

// passportHeader is {"typ":"JWT","alg":"RS256"}, as Passport writes it.
const passportHeader = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9"

func isRS256(header string) bool {
	var protected struct {
		Algorithm string `json:"alg"`
	}
	decoded, err := base64.RawURLEncoding.DecodeString(header)
	return err == nil && json.Unmarshal(decoded, &protected) == nil && protected.Algorithm == "RS256"
}

type claims struct {
	ID         text         `json:"jti"`
	Subject    text         `json:"sub"`
	Audience   audience     `json:"aud"`
	NotBefore  optionalDate `json:"nbf"`
	ExpireTime numericDate  `json:"exp"`
}

// text is a string or, as ids may be, a whole number.
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	decoded, err := textOrNumber(data)
	if err != nil {
		return err
	}
	if data[0] != '"' && strings.ContainsAny(decoded, "-.eE") {
		return errors.New("neither text nor whole number")
	}
	*t = text(decoded)
	return nil
}

// audience is the one client that a token was made through: a text, a number or a
// list of one (RFC 7519 §4.1.3). Its absence, or odd form, spoils no token.
type audience string

func (a *audience) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("[")) {
		var list []audience
		if json.Unmarshal(data, &list) == nil && len(list) == 1 {
			*a = list[0]
		}
		return nil
	}
	// As it stands: the number of a client needs no unquoting.
	if one := string(bytes.Trim(data, `"`)); userIDPattern.MatchString(one) {
		*a = audience(one)
	}
	return nil
}

// numericDate is an RFC 7519 §2 NumericDate as releases of ProcessMaker have
// written it: with a fraction, as an integer, or as a string of either.
type numericDate struct{ time.Time }

// latestDate is the end of the year 9999, the last that RFC 3339 can write.
const latestDate = 253402300799

func (d *numericDate) UnmarshalJSON(data []byte) error {
	decoded, err := textOrNumber(data)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseFloat(decoded, 64)
	if err != nil || math.IsNaN(seconds) || seconds <= 0 || seconds > latestDate {
		return errors.New("not a date")
	}
	whole, fraction := math.Modf(seconds)
	d.Time = time.Unix(int64(whole), int64(fraction*1e9)).UTC()
	return nil
}

// optionalDate is a numericDate whose absence, or odd form, spoils no token.
type optionalDate struct{ time.Time }

func (d *optionalDate) UnmarshalJSON(data []byte) error {
	var date numericDate
	if date.UnmarshalJSON(data) == nil {
		d.Time = date.Time
	}
	return nil
}

// textOrNumber reads a value that encoding/json has found to be valid.
func textOrNumber(data []byte) (string, error) {
	if len(data) > 0 && data[0] == '"' {
		if inner := data[1 : len(data)-1]; !bytes.ContainsFunc(inner, needsUnquoting) {
			return string(inner), nil
		}
		var s string
		err := json.Unmarshal(data, &s)
		return s, err
	}
	switch {
	case string(data) == "null":
		return "", nil
	case len(data) == 0 || data[0] != '-' && (data[0] < '0' || data[0] > '9'):
		return "", errors.New("neither text nor number")
	}
	return string(data), nil
}

// needsUnquoting: the rest of a text stands for itself.
func needsUnquoting(r rune) bool { return r == '\\' || r >= utf8.RuneSelf }
