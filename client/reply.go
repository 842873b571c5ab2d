package client

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"
)

// usualReplyBytes is far above any answer this package asks for, lists excepted.
const usualReplyBytes = 1 << 20

// reply is an answer that was read to its end.
type reply struct {
	status int
	header http.Header
	// body is nil where the call's stream read it.
	body []byte
	json bool
	at   time.Time
}

var errTooLong = errors.New("the answer is longer than any of use")

// readBody reads an answer up to the size that the call sets, or has the call's
// stream read it.
func readBody(response *http.Response, call call) (body []byte, err error) {
	bounded := &boundedBody{from: response.Body, left: int64(call.most()) + 1}
	if call.stream != nil && response.StatusCode == http.StatusOK && isJSON(response.Header.Get("Content-Type")) {
		err = call.stream(bounded)
	} else {
		// Room for all that is usually announced and for the end to be seen, so
		// that nothing is copied on the way.
		room := int(min(max(response.ContentLength, 0), usualReplyBytes)) + bytes.MinRead
		buffer := bytes.NewBuffer(make([]byte, 0, room))
		_, err = buffer.ReadFrom(bounded)
		body = buffer.Bytes()
	}
	if bounded.err != nil {
		return nil, bounded.err
	}
	return body, err
}

// boundedBody remembers why it ended early, which its reader may not repeat.
type boundedBody struct {
	from io.Reader
	left int64
	err  error
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.from.Read(p[:min(int64(len(p)), b.left)])
	if b.left -= int64(n); b.left == 0 {
		err = errTooLong
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == "application/json"
}
