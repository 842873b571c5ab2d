package processmakertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// SlowLists delays the lists of tokens and nothing else, by a real time. The
// function it gives takes that back.
func (s *Server) SlowLists(d time.Duration) (remove func()) {
	return s.Inject(Fault{On: ListTokens, Times: -1, Do: Delay(d)})
}

// EndlessList gives a list of tokens that never ends: one item of the product's
// form after the other, until the caller has enough. A request that the product
// refuses is refused.
func EndlessList() Effect {
	return pouredList(func(v *visit, w io.Writer) error {
		if _, err := io.WriteString(w, `{"data":[`); err != nil {
			return err
		}
		for number := 1; !v.server.isClosing(); number++ {
			item, err := json.Marshal(tokenResource{
				ID: fmt.Sprintf("%080x", number), UserID: v.route.user, ClientID: 1, Scopes: []string{},
				CreatedAt: rowTime(v.record.exchange.At), UpdatedAt: rowTime(v.record.exchange.At), ExpiresAt: rowTime(v.record.exchange.At.AddDate(1, 0, 0)),
			})
			if err != nil {
				return err
			}
			if _, err := w.Write(append(item, ',')); err != nil {
				return err
			}
		}
		return nil
	})
}

// BigList gives a list of at least size bytes, all of them empty items, as one
// well-formed answer. A request that the product refuses is refused.
func BigList(size int) Effect {
	const item = "{},"
	chunk := bytes.Repeat([]byte(item), 20_000)
	return pouredList(func(v *visit, w io.Writer) error {
		if _, err := io.WriteString(w, `{"data":[`); err != nil {
			return err
		}
		for left := size; left > 0 && !v.server.isClosing(); left -= len(chunk) {
			part := chunk[:min(len(chunk), (left+len(item)-1)/len(item)*len(item))]
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		_, err := io.WriteString(w, `{}],"meta":{}}`)
		return err
	})
}

// pouredList processes and, where that is a success, pours out another answer.
func pouredList(pour func(*visit, io.Writer) error) Effect {
	return Effect{run: func(v *visit) delivery {
		a := v.process()
		if a.status != http.StatusOK {
			return delivery{answer: a}
		}
		return delivery{answer: a, pour: func(w io.Writer) error { return pour(v, w) }}
	}}
}
