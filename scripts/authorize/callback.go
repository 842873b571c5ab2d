package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// callback is the page that ProcessMaker sends the browser to.
type callback struct {
	path   string
	begun  attempt
	finish func(code string) (person, error)
	output io.Writer
	// done gets the one result that there is.
	done chan result

	// mu lets one answer through: browsers load pages twice at times.
	mu    sync.Mutex
	ended bool
}

type result struct {
	who person
	err error
}

func newCallback(path string, begun attempt, finish func(code string) (person, error), output io.Writer) *callback {
	return &callback{path: path, begun: begun, finish: finish, output: output, done: make(chan result, 1)}
}

func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != c.path {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		showTrouble(w, errors.New("this sign-in is over already"))
		return
	}
	code, err := readRedirect(r.URL.Query(), c.begun)
	if errors.Is(err, errOtherSignIn) {
		// Any page can send the browser here, which must not end the sign-in.
		fmt.Fprintf(c.output, "Refused: %s. Still waiting.\n", err)
		showTrouble(w, err)
		return
	}
	c.ended = true
	var who person
	if err == nil {
		// Not with the request's context: a window that is closed too early
		// must not cost the code.
		who, err = c.finish(code)
	}
	if err != nil {
		showTrouble(w, err)
	} else {
		showPage(w, http.StatusOK, "You can close this window.")
	}
	c.done <- result{who, err}
}
