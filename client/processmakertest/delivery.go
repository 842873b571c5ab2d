package processmakertest

import (
	"io"
	"net/http"
	"strconv"
)

// delivery is an answer and what becomes of it on the way to the client.
type delivery struct {
	answer answer
	// cut ends the connection without sending anything.
	cut bool
	// half sends half of the announced body and then ends the connection.
	half bool
	// foreign marks an answer that is not the product's: the client gets it,
	// but not what the product had to say.
	foreign bool
	// stray follows the answer, on a connection that ends with it.
	stray []byte
	// pour writes the body in place of the answer's own, and as long as it takes.
	pour func(io.Writer) error
}

// dropped is the delivery of a request that nothing was done for.
func dropped() delivery { return delivery{cut: true} }

// deliver decides the exchange and sends the answer. Everything a test may ask
// for is set before the first byte goes out, because the client may act on the
// answer before this function returns.
func (v *visit) deliver(w http.ResponseWriter, d delivery) {
	connection := connectionOf(v.request)
	gone := v.request.Context().Err() != nil || connection.ended()
	read := !gone && !d.cut && !d.half && !d.foreign
	v.record.read.Store(read)
	if read {
		connection.answering(v.record)
	}
	v.server.log.leave(v, d.answer.status)
	if d.cut || gone {
		cut(w)
		return
	}

	body := d.answer.body
	for name, values := range d.answer.header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	if d.pour != nil {
		w.WriteHeader(d.answer.status)
		connection.answerSent(d.pour(w))
		return
	}
	hasBody := d.answer.status >= http.StatusOK && d.answer.status != http.StatusNoContent && d.answer.status != http.StatusNotModified
	if hasBody {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	if d.half {
		body = body[:len(body)/2]
	}
	w.WriteHeader(d.answer.status)
	var err error
	if hasBody && v.request.Method != http.MethodHead {
		_, err = w.Write(body)
	}
	// Small answers wait in a buffer otherwise, until nobody looks any more.
	if flushErr := http.NewResponseController(w).Flush(); err == nil {
		err = flushErr
	}
	if len(d.stray) > 0 {
		// The connection would keep it back once the answer counts as sent.
		cut(w, d.stray...)
		return
	}
	connection.answerSent(err)
	if d.half {
		cut(w)
	}
}

// cut ends the connection of a request at once, after a last word if there is one.
func cut(w http.ResponseWriter, last ...byte) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	// Whoever does not listen any more misses nothing.
	_, _ = connection.Write(last)
	connection.Close()
}
