package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// tokenListReader reads a list of tokens item by item, so that its size costs no
// memory. A list that is missing, or whose end nobody can tell, is not an empty
// one: a token that is looked for would be thought dead.
type tokenListReader struct {
	from    *itemReader
	decoder *json.Decoder
	each    func(NamedToken)

	listed int
	// data and total were read.
	data  bool
	total *int
}

func newTokenListReader(body io.Reader, each func(NamedToken)) *tokenListReader {
	from := &itemReader{from: body}
	return &tokenListReader{from: from, decoder: json.NewDecoder(from), each: each}
}

// listedToken is what is used of a token in a list.
type listedToken struct {
	// Passport's ids are texts; a number is no token's.
	ID        string          `json:"id"`
	Name      json.RawMessage `json:"name"`
	CreatedAt any             `json:"created_at"`
}

var (
	errNoList        = errors.New("the answer is no list of tokens")
	errNoID          = errors.New("the answer lists a token without an id")
	errNoName        = errors.New("the answer lists a token without saying its name")
	errFewer         = errors.New("the answer lists fewer tokens than it says there are")
	errLongItem      = fmt.Errorf("the answer lists something that is longer than %d KiB", longestItem>>10)
	errTooManyTokens = errors.New("the user has too many live personal access tokens to list; delete those in ProcessMaker that nobody needs")
)

// read reads the whole list. Its errors say in this package's own words what is
// wrong; errors of encoding/json quote the answer.
func (l *tokenListReader) read() error {
	if err := l.object(); err != nil {
		if l.from.exceeded {
			err = errLongItem
		}
		return &Error{Kind: NotProcessMaker, Operation: listTokens, Status: http.StatusOK, Detail: err.Error()}
	}
	return nil
}

func (l *tokenListReader) object() error {
	if !l.delimiter('{') {
		return errNoList
	}
	for l.more() {
		key, _ := l.token()
		if err := l.member(key); err != nil {
			return err
		}
	}
	if !l.delimiter('}') || !l.ended() || !l.data || l.total == nil || *l.total < 0 {
		return errNoList
	}
	switch {
	case *l.total >= mostTokens:
		return errTooManyTokens
	case l.listed < *l.total:
		return errFewer
	default:
		return nil
	}
}

func (l *tokenListReader) member(key json.Token) error {
	switch {
	case key == "data" && !l.data:
		l.data = true
		return l.tokens()
	case key == "meta" && l.total == nil:
		var meta struct {
			Total *int `json:"total"`
		}
		if !l.value(&meta) || meta.Total == nil {
			return errNoList
		}
		l.total = meta.Total
		return nil
	case key == "data", key == "meta", !l.value(new(json.RawMessage)):
		return errNoList
	default:
		return nil
	}
}

func (l *tokenListReader) tokens() error {
	if !l.delimiter('[') {
		return errNoList
	}
	for l.more() {
		var item *listedToken
		if !l.value(&item) {
			return errNoList
		}
		if item == nil || item.ID == "" {
			return errNoID
		}
		var name string
		// The name of a token without one is null.
		if item.Name == nil || json.Unmarshal(item.Name, &name) != nil {
			return errNoName
		}
		if l.listed++; l.listed >= mostTokens {
			return errTooManyTokens
		}
		created, _ := item.CreatedAt.(string)
		l.each(NamedToken{ID: item.ID, Name: name, CreatedTime: createdTime(created)})
	}
	if !l.delimiter(']') {
		return errNoList
	}
	return nil
}

func (l *tokenListReader) token() (json.Token, error) {
	l.from.allow(l.decoder.InputOffset())
	return l.decoder.Token()
}

func (l *tokenListReader) delimiter(want json.Delim) bool {
	token, err := l.token()
	return err == nil && token == json.Token(want)
}

func (l *tokenListReader) ended() bool {
	_, err := l.token()
	return errors.Is(err, io.EOF)
}

func (l *tokenListReader) more() bool {
	l.from.allow(l.decoder.InputOffset())
	return l.decoder.More()
}

func (l *tokenListReader) value(into any) bool {
	l.from.allow(l.decoder.InputOffset())
	return l.decoder.Decode(into) == nil
}

// itemReader gives a json.Decoder, which holds each value as a whole, no more
// than an item may be long.
type itemReader struct {
	from            io.Reader
	done, allowance int64
	exceeded        bool
}

// allow lets an item begin at offset.
func (r *itemReader) allow(offset int64) { r.allowance = offset + longestItem }

func (r *itemReader) Read(p []byte) (int, error) {
	room := min(int64(len(p)), r.allowance-r.done)
	if room <= 0 {
		r.exceeded = len(p) > 0
		return 0, errLongItem
	}
	n, err := r.from.Read(p[:room])
	r.done += int64(n)
	return n, err
}
