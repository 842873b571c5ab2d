package client

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// jwtOf makes a token with the given claims and a signature that nobody
// checks.
func jwtOf(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"typ":"JWT","alg":"RS256"}`)) + "." + encode([]byte(claims)) + "." + encode([]byte("signature"))
}

func TestParseTokenReadsEveryReleasesClaims(t *testing.T) {
	t.Parallel()
	for name, claims := range map[string]string{
		"fractions (4.3 and later)": `{"aud":"3","jti":"ab12","iat":1.5,"nbf":1.5,"exp":1795170566.25,"sub":"42","scopes":[]}`,
		"integers (4.0 to 4.2)":     `{"aud":"3","jti":"ab12","iat":1,"nbf":1,"exp":1795170566,"sub":"42","scopes":[]}`,
		"texts":                     `{"aud":["3"],"jti":"ab12","iat":"1","exp":"1795170566.25","sub":"42"}`,
		"numbers for ids":           `{"jti":12,"exp":1795170566,"sub":42}`,
		"exponent":                  `{"jti":"ab12","exp":1.795170566e9,"sub":"42"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token, err := parseToken(jwtOf(claims), "Bearer", noon)
			require.NoError(t, err)
			require.Equal(t, "42", token.UserID)
			require.Equal(t, int64(1795170566), token.ExpireTime.Unix())
			require.Equal(t, noon, token.ReceivedAt)
		})
	}
}

func TestParseTokenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ token, says string }{
		"opaque (ProcessMaker 3)":      {"0123456789abcdef0123456789abcdef01234567", "not an RS256 JWT"},
		"empty":                        {"", "not an RS256 JWT"},
		"unsigned":                     {"eyJhbGciOiJub25lIn0.e30.", "not an RS256 JWT"},
		"no id":                        {jwtOf(`{"exp":1795170566,"sub":"42"}`), "jti"},
		"id leaves the path":           {jwtOf(`{"jti":"../../1","exp":1795170566,"sub":"42"}`), "jti"},
		"no user (client_credentials)": {jwtOf(`{"jti":"a","exp":1795170566,"sub":""}`), "no user"},
		"user is a path":               {jwtOf(`{"jti":"a","exp":1795170566,"sub":"1/../2"}`), "no user"},
		"id is no whole number":        {jwtOf(`{"jti":1e400,"exp":1795170566,"sub":"42"}`), "cannot be read"},
		"id is negative":               {jwtOf(`{"jti":-7,"exp":1795170566,"sub":"42"}`), "cannot be read"},
		"no end":                       {jwtOf(`{"jti":"a","sub":"1"}`), "exp"},
		"end is no date":               {jwtOf(`{"jti":"a","sub":"1","exp":"never"}`), "cannot be read"},
		"end is beyond time":           {jwtOf(`{"jti":"a","sub":"1","exp":1e300}`), "cannot be read"},
		"end is an object":             {jwtOf(`{"jti":"a","sub":"1","exp":{}}`), "cannot be read"},
		"claims are a list":            {jwtOf(`[1]`), "cannot be read"},
		"claims are no JSON":           {jwtOf(`{`), "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseToken(test.token, "Bearer", noon)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(`{"aud":"3","jti":"ab12","iat":1.5,"exp":1795170566.25,"sub":"42","scopes":[]}`)
	f.Add(`{"jti":12,"exp":"1e9","sub":42}`)
	f.Add(`{"jti":null,"exp":-1,"sub":[]}`)
	const marker = "S3CR3T-MARKER"
	f.Fuzz(func(t *testing.T, claims string) {
		for _, value := range []string{claims, jwtOf(claims), jwtOf(claims) + marker} {
			token, err := parseToken(value, "Bearer", noon)
			if err != nil {
				if strings.Contains(err.Error(), marker) {
					t.Fatalf("the error quotes the token: %s", err)
				}
				continue
			}
			if !userIDPattern.MatchString(token.UserID) || !tokenIDPattern.MatchString(token.ID) {
				t.Fatalf("unusable ids %q, %q", token.UserID, token.ID)
			}
			if token.ExpireTime.Before(time.Unix(0, 0)) || token.ExpireTime.Year() > 9999 {
				t.Fatalf("impossible end %s", token.ExpireTime)
			}
			if _, err := token.ExpireTime.MarshalJSON(); err != nil {
				t.Fatalf("the end cannot be stored: %s", err)
			}
		}
	})
}

func FuzzGrantFailure(f *testing.F) {
	f.Add(400, "application/json", `{"error":"invalid_grant","error_description":"x","message":"x"}`)
	f.Add(401, "application/json", `{"error":"invalid_request","hint":"Token has been revoked"}`)
	f.Add(500, "text/html", `<html>S3CR3T-MARKER</html>`)
	f.Add(200, "application/json", `{"error":["S3CR3T-MARKER"]}`)
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		r := &reply{status: status, header: header("Content-Type", contentType, "Retry-After", body), body: []byte("S3CR3T-MARKER" + body), json: contentType == "application/json", at: noon}
		plain := &reply{status: status, header: header(), body: []byte(body), json: true, at: noon}
		for _, operation := range []string{passwordGrant, refreshGrant, revokeToken} {
			for _, r := range []*reply{r, plain} {
				for _, failure := range []*Error{grantFailure(operation, r), apiFailure(operation, r)} {
					if failure == nil || failure.Kind == 0 {
						t.Fatalf("no kind for status %d", status)
					}
					text := failure.Error()
					if strings.Contains(text, "S3CR3T-MARKER") {
						t.Fatalf("the error quotes the answer: %s", text)
					}
					if len(text) > 400 {
						t.Fatalf("the error is too long to be of our own words: %s", text)
					}
					_ = fmt.Sprintf("%+v %#v", failure, *failure)
				}
			}
		}
	})
}

func TestATwinSaysSo(t *testing.T) {
	t.Parallel()
	for claims, twin := range map[string]bool{
		`{"aud":"3","jti":"a","exp":1795170566,"sub":"3"}`:       true,
		`{"aud":3,"jti":"a","exp":1795170566,"sub":3}`:           true,
		`{"aud":["3"],"jti":"a","exp":1795170566,"sub":"3"}`:     true,
		`{"aud":"3","jti":"a","exp":1795170566,"sub":"2"}`:       false,
		`{"aud":"33","jti":"a","exp":1795170566,"sub":"3"}`:      false,
		`{"aud":["3","4"],"jti":"a","exp":1795170566,"sub":"3"}`: false,
		`{"aud":{"a":"3"},"jti":"a","exp":1795170566,"sub":"3"}`: false,
		`{"aud":null,"jti":"a","exp":1795170566,"sub":"3"}`:      false,
		`{"aud":"","jti":"a","exp":1795170566,"sub":"3"}`:        false,
		`{"jti":"a","exp":1795170566,"sub":"3"}`:                 false,
	} {
		token, err := parseToken(jwtOf(claims), "Bearer", noon)
		require.NoError(t, err, claims)
		require.Equal(t, twin, token.Twin(), claims)
		require.Equal(t, twin, Token{Value: token.Value, UserID: token.UserID}.Twin(), "as it is stored: %s", claims)
	}
	require.False(t, Token{}.Twin())
	require.False(t, Token{Value: "3", UserID: "3"}.Twin())
}
