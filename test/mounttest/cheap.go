package mounttest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cheapUpstream answers like ProcessMaker without allocating, so that what is
// counted around a request is the engine's own. It speaks just enough HTTP for
// one client: a request fits a packet, and connections stay.
type cheapUpstream struct {
	Url                              string
	grant, personal, deleted, failed []byte
	refused                          []byte
}

func NewCheapUpstream(t testing.TB) *cheapUpstream {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u := &cheapUpstream{
		Url:      "http://" + listener.Addr().String(),
		grant:    jsonReply(200, fmt.Sprintf(`{"token_type":"Bearer","expires_in":31536000,"access_token":%q,"refresh_token":%q}`, cheapToken("a"), "def50200"+strings.Repeat("ab", 350))),
		personal: jsonReply(200, fmt.Sprintf(`{"accessToken":%q,"token":{"id":"b"}}`, cheapToken("b"))),
		deleted:  []byte("HTTP/1.1 204 No Content\r\n\r\n"),
		failed:   jsonReply(500, `{"message":"Server Error"}`),
		refused:  jsonReply(401, `{"error":"Unauthenticated."}`),
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go u.serve(conn)
		}
	}()
	return u
}

func jsonReply(status int, body string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}

// cheapToken has the size and claims of the product's.
func cheapToken(kind string) string {
	issued := time.Now().Unix()
	payload := fmt.Sprintf(`{"aud":"3","jti":%q,"iat":%d.5,"nbf":%d.5,"exp":%d.5,"sub":"2","scopes":[]}`,
		kind+strings.Repeat("0", 79), issued, issued, issued+365*24*3600)
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"typ":"JWT","alg":"RS256"}`)) + "." + encode([]byte(payload)) + "." + encode(make([]byte, 512))
}

func (u *cheapUpstream) serve(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 16<<10)
	held := 0
	for {
		n, err := conn.Read(buffer[held:])
		if err != nil {
			return
		}
		held += n
		head, body, whole := bytes.Cut(buffer[:held], []byte("\r\n\r\n"))
		if !whole || len(body) < contentLength(head) {
			continue
		}
		held = 0
		if _, err := conn.Write(u.answer(head)); err != nil {
			return
		}
	}
}

func contentLength(head []byte) int {
	_, value, _ := bytes.Cut(head, []byte("Content-Length: "))
	length := 0
	for _, digit := range value {
		if digit < '0' || digit > '9' {
			break
		}
		length = 10*length + int(digit-'0')
	}
	return length
}

func (u *cheapUpstream) answer(head []byte) []byte {
	line, _, _ := bytes.Cut(head, []byte("\r\n"))
	switch {
	case bytes.HasPrefix(line, []byte("POST /oauth/token ")):
		return u.grant
	case bytes.HasPrefix(line, []byte("POST ")):
		return u.personal
	case bytes.HasPrefix(line, []byte("DELETE ")) && bytes.Contains(line, []byte("/b0")):
		return u.deleted
	case bytes.HasPrefix(line, []byte("DELETE ")):
		return u.failed
	default:
		return u.refused
	}
}
