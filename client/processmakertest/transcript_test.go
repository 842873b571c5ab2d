package processmakertest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// transcript is a recorded file: one exchange or several with the real server.
type transcript struct {
	Request   recordedRequest    `json:"request"`
	Response  recordedResponse   `json:"response"`
	Exchanges []recordedExchange `json:"exchanges"`
	JWT       []recordedJWT      `json:"jwt"`
}

type recordedExchange struct {
	Request  recordedRequest  `json:"request"`
	Response recordedResponse `json:"response"`
}

type recordedRequest struct {
	Method  string      `json:"method"`
	Path    string      `json:"path"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body"`
}

type recordedResponse struct {
	Status   int             `json:"status"`
	Headers  [][2]string     `json:"headers"`
	Body     string          `json:"body"`
	BodyJSON json.RawMessage `json:"body_json"`
}

type recordedJWT struct {
	Header      map[string]any `json:"header"`
	Claims      map[string]any `json:"claims"`
	ExpMinusIat json.Number    `json:"exp_minus_iat"`
	Length      int            `json:"length"`
}

func readTranscript(t *testing.T, path string) transcript {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	var file transcript
	require.NoError(t, json.Unmarshal(content, &file))
	if file.Exchanges == nil {
		file.Exchanges = []recordedExchange{{file.Request, file.Response}}
	}
	return file
}

var placeholder = regexp.MustCompile(`\{\{([A-Z0-9_]+)\}\}`)

// shapes says what stands for a placeholder whose value is not known.
var shapes = []struct{ name, pattern string }{
	{"ACCESS_TOKEN", `[\w-]+\.[\w-]+\.[\w-]+`},
	{"REFRESH_TOKEN", `def50200[0-9a-f]+`},
	{"JTI", `[0-9a-f]{80}`},
	{"TIMESTAMP_ISO_MICRO", `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z`},
	{"TIMESTAMP_ISO_OFFSET", `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00`},
	{"TIMESTAMP_SQL", `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`},
	{"UNIX_TIME", `\d{10}`},
	{"SECONDS", `[1-9]\d?`},
	{"ETAG", `"[0-9a-f]{32}"`},
	{"AUTH_CODE", `def50200[0-9a-f]+`},
	{"DATE", `\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT`},
	{"COOKIE", `[^;]+`},
}

// script holds the values of placeholders for one replay.
type script map[string]string

// fill puts values into a recorded request.
func (s script) fill(t *testing.T, text string) string {
	t.Helper()
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		value, ok := s[strings.Trim(found, "{}")]
		assert.True(t, ok, "the table gives no value for %s", found)
		return value
	})
}

// pattern is a regular expression for a recorded text with placeholders.
func (s script) pattern(t *testing.T, text string) string {
	t.Helper()
	out, rest := "^", 0
	for _, at := range placeholder.FindAllStringSubmatchIndex(text, -1) {
		out += regexp.QuoteMeta(text[rest:at[0]]) + s.shape(t, text[at[2]:at[3]])
		rest = at[1]
	}
	return out + regexp.QuoteMeta(text[rest:]) + "$"
}

func (s script) shape(t *testing.T, name string) string {
	t.Helper()
	if value, ok := s[name]; ok {
		return regexp.QuoteMeta(value)
	}
	for _, shape := range shapes {
		if strings.Contains(name, shape.name) {
			return shape.pattern
		}
	}
	t.Errorf("nothing is known about the placeholder %s", name)
	return ".*"
}

// comparedHeaders are those that a client may rely on; the others depend on
// how a site is run.
var comparedHeaders = []string{
	"Content-Type", "Cache-Control", "Pragma", "WWW-Authenticate", "X-RateLimit-Limit", "X-RateLimit-Remaining",
	"X-RateLimit-Reset", "Retry-After", "Location", "Allow", "ETag", "X-Tenant-Id", "X-Tenant-Name", "Set-Cookie",
}

// count gives how often a header is there.
func (r recordedResponse) count(name string) int {
	count := 0
	for _, header := range r.Headers {
		if strings.EqualFold(header[0], name) {
			count++
		}
	}
	return count
}

// compare holds an answer against the recorded one.
func (s script) compare(t *testing.T, recorded recordedResponse, got reply) {
	t.Helper()
	assert.Equal(t, recorded.Status, got.status, "status; the body is %s", got.body)
	for _, name := range comparedHeaders {
		values := got.header.Values(name)
		if !assert.Len(t, values, recorded.count(name), "header %s", name) {
			continue
		}
		for _, header := range recorded.Headers {
			if strings.EqualFold(header[0], name) {
				assert.Regexp(t, "(?i)"+s.pattern(t, header[1]), values[0], "header %s", name)
				values = values[1:]
			}
		}
	}
	switch {
	case recorded.BodyJSON != nil:
		s.compareJSON(t, "body", parseJSON(t, string(recorded.BodyJSON)), parseJSON(t, got.body))
	case recorded.Body == "":
		assert.Empty(t, got.body)
	default:
		// Pages are layout; all that matters is that they are not JSON.
		assert.Regexp(t, "^<(!DOCTYPE )?html>", got.body, "the body is a page")
	}
}

func parseJSON(t *testing.T, text string) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	require.NoError(t, decoder.Decode(&value), "body %q", text)
	return value
}

// anyValue in a script is for a path in a body whose value is that of a setting
// of the recorded site.
const anyValue = "any value"

// compareJSON compares key by key, types included; placeholders match by shape.
func (s script) compareJSON(t *testing.T, path string, recorded, got any) {
	t.Helper()
	if s[path] == anyValue {
		return
	}
	switch recorded := recorded.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !assert.True(t, ok, "%s is an object", path) {
			return
		}
		assert.ElementsMatch(t, keysOf(recorded), keysOf(object), "the keys of %s", path)
		for key, value := range recorded {
			s.compareJSON(t, path+"."+key, value, object[key])
		}
	case []any:
		list, ok := got.([]any)
		if !assert.True(t, ok, "%s is a list", path) || !assert.Len(t, list, len(recorded), "%s", path) {
			return
		}
		for i, value := range recorded {
			s.compareJSON(t, fmt.Sprintf("%s[%d]", path, i), value, list[i])
		}
	case string:
		text, ok := got.(string)
		assert.True(t, ok, "%s is a string", path)
		assert.Regexp(t, s.pattern(t, recorded), text, "%s", path)
	default:
		assert.Equal(t, recorded, got, "%s", path)
	}
}

func keysOf(object map[string]any) []string {
	keys := []string{}
	for key := range object {
		keys = append(keys, key)
	}
	return keys
}

// compareJWT holds an access token against what is known of the recorded one.
func compareJWT(t *testing.T, recorded recordedJWT, token string) {
	t.Helper()
	header, claims := decodeJWT(t, token)
	assert.Equal(t, recorded.Header, header)
	assert.ElementsMatch(t, keysOf(recorded.Claims), keysOf(claims))
	for _, name := range []string{"aud", "sub", "scopes"} {
		assert.Equal(t, recorded.Claims[name], claims[name], "claim %s", name)
	}
	assert.Regexp(t, "^[0-9a-f]{80}$", claims["jti"])
	times := map[string]float64{}
	for _, name := range []string{"iat", "nbf", "exp"} {
		number, ok := claims[name].(json.Number)
		require.True(t, ok, "claim %s is a number", name)
		assert.Regexp(t, `^\d{10}(\.\d{1,6})?$`, number.String())
		value, err := number.Float64()
		require.NoError(t, err)
		times[name] = value
	}
	lifetime, err := recorded.ExpMinusIat.Float64()
	require.NoError(t, err)
	assert.InDelta(t, lifetime, times["exp"]-times["iat"], 0.5)
	// Trailing zeros of the fractions are left out, so the length varies a little.
	assert.InDelta(t, recorded.Length, len(token), 12)
}
