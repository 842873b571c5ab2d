package processmakertest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// strictBase64 refuses spare bits at the end, so that no two texts are the same token.
var strictBase64 = base64.RawURLEncoding.Strict()

// claims are what an access token says, in the product's order.
type claims struct {
	Audience  string   `json:"aud"`
	ID        string   `json:"jti"`
	IssuedAt  unixTime `json:"iat"`
	NotBefore unixTime `json:"nbf"`
	Expires   unixTime `json:"exp"`
	Subject   string   `json:"sub"`
	Scopes    []string `json:"scopes"`
}

// unixTime is a time in claims: seconds with a fraction of microseconds, and
// without a fraction when that is zero.
type unixTime time.Time

// MarshalJSON writes from whole microseconds, as a float would lose the last digit.
func (t unixTime) MarshalJSON() ([]byte, error) {
	micros := time.Time(t).UnixMicro()
	text := strconv.FormatInt(micros/1_000_000, 10)
	if fraction := micros % 1_000_000; fraction != 0 {
		text += "." + strings.TrimRight(strconv.FormatInt(1_000_000+fraction, 10)[1:], "0")
	}
	return []byte(text), nil
}

// sign makes the token text for claims under the current Passport key.
func (d *database) sign(c claims) string {
	payload, err := json.Marshal(c)
	if err != nil {
		// Strings and numbers always marshal.
		return ""
	}
	signed := strictBase64.EncodeToString([]byte(`{"typ":"JWT","alg":"RS256"}`)) + "." + strictBase64.EncodeToString(payload)
	return signed + "." + strictBase64.EncodeToString(d.signature(signed))
}

// signature stands in for RSA with 4096 bits. Nobody but the server can check
// a signature of the product either, so 512 bytes from a chain of HMACs behave
// the same, are the same for the same seed, and cost next to nothing.
func (d *database) signature(signed string) []byte {
	return d.source.bytes("signature "+signed, d.passportKey, 512)
}

// tokenID gives the id inside an access token that this server signed with its
// current key.
func (d *database) tokenID(accessToken string) (string, bool) {
	signed, encoded, _ := cutLast(accessToken, ".")
	signature, err := strictBase64.DecodeString(encoded)
	if err != nil || !bytes.Equal(signature, d.signature(signed)) {
		return "", false
	}
	_, encoded, _ = strings.Cut(signed, ".")
	payload, err := strictBase64.DecodeString(encoded)
	if err != nil {
		return "", false
	}
	// The id is all that is read; the rest is in the row.
	var content struct {
		ID string `json:"jti"`
	}
	if json.Unmarshal(payload, &content) != nil {
		return "", false
	}
	return content.ID, true
}

// accepted gives the row of an access token that the API accepts now, or nil.
func (d *database) accepted(accessToken string, now time.Time, w *world) *tokenRow {
	id, ok := d.tokenID(accessToken)
	if !ok {
		return nil
	}
	if row := d.byID[id]; row != nil && d.isLive(row, now) && !d.isTwin(row, w) {
		return row
	}
	return nil
}

func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}
