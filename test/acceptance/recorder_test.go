//go:build unix

package acceptance

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"
)

// answers keeps every answer that Vault gave to a client, as it came over the
// network: errors, warnings and data.
type answers struct {
	mu   sync.Mutex
	kept []answer
}

type answer struct {
	request string // method and path
	status  int
	body    []byte
}

// wrap makes a client's answers go through the recorder.
func (a *answers) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		if err != nil {
			return response, err
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		response.Body = io.NopCloser(bytes.NewReader(body))
		a.mu.Lock()
		defer a.mu.Unlock()
		method := request.Method
		if request.URL.Query().Has("help") {
			method = "HELP" // nothing was asked of the path itself
		}
		a.kept = append(a.kept, answer{request: method + " " + request.URL.Path, status: response.StatusCode, body: body})
		return response, err
	})
}

func (a *answers) all() []answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]answer(nil), a.kept...)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// withoutAccessToken is an answer's body without the one place where a token
// belongs.
func withoutAccessToken(body []byte) []byte {
	var fields map[string]any
	if json.Unmarshal(body, &fields) != nil {
		return body
	}
	data, ok := fields["data"].(map[string]any)
	if !ok || data["access_token"] == nil {
		return body
	}
	delete(data, "access_token")
	rest, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return rest
}
