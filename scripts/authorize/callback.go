package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
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
		page{
			Title: "This sign-in has ended", Detail: "The browser came here a second time.",
			Next: "The terminal shows the result. You can close this window.",
		}.show(w, http.StatusBadRequest)
		return
	}
	code, err := readRedirect(r.URL.Query(), c.begun)
	if errors.Is(err, errOtherSignIn) {
		// Any page can send the browser here, which must not end the sign-in.
		fmt.Fprintf(c.output, "Refused: %s. Still waiting for the sign-in.\n", err)
		page{
			Title: "Not signed in yet", Detail: sentence(err),
			Next: "The program still waits. Open the address that it printed last, and sign in there. If that fails too, stop the program with Ctrl-C and run it again.",
		}.show(w, http.StatusBadRequest)
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
		page{
			Title: "The sign-in failed", Detail: sentence(err),
			Next: "The program has ended. Run it again in the terminal, and open the new address.",
		}.show(w, http.StatusBadRequest)
	} else {
		page{
			Title:   "Signed in",
			Detail:  fmt.Sprintf("You signed in to ProcessMaker as %s. Vault keeps the session for role %s.", who.username, c.begun.role),
			Next:    fmt.Sprintf("You can close this window. The readers of the role now get tokens of %s with this command:", who.username),
			Command: "vault read " + c.begun.mount + "/creds/" + c.begun.role,
		}.show(w, http.StatusOK)
	}
	c.done <- result{who, err}
}

// sentence is an error as a page has it.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
