package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// paste takes the address that the browser ended at from the person.
func paste(ctx context.Context, begun attempt, finish func(code string) (person, error), input io.Reader, output io.Writer) (person, error) {
	fmt.Fprintf(output, "Open this address in any browser and sign in:\n\n%s\n\n", begun.authorizationURL)
	fmt.Fprintf(output, "The browser ends at an address that begins with %s; it is no matter if that page cannot be shown.\n", begun.redirectURI)
	fmt.Fprint(output, "Paste that address here: ")

	lines := make(chan string, 1)
	go func() {
		// A last line without an end is a line as well, and so is none at all.
		line, _ := bufio.NewReader(input).ReadString('\n')
		lines <- line
	}()
	var line string
	select {
	case line = <-lines:
	case <-ctx.Done():
		return person{}, context.Cause(ctx)
	}
	query, err := pastedQuery(strings.TrimSpace(line), begun.redirectURI)
	if err != nil {
		return person{}, err
	}
	code, err := readRedirect(query, begun)
	if err != nil {
		return person{}, err
	}
	return finish(code)
}

// pastedQuery keeps what was pasted out of its errors: it may hold a code.
func pastedQuery(pasted, redirectURI string) (url.Values, error) {
	expected, err := url.Parse(redirectURI)
	if err != nil {
		return nil, fmt.Errorf("the role's redirect_uri is no address: %w", err)
	}
	if pasted == "" {
		return nil, errors.New("nothing was pasted")
	}
	got, err := url.Parse(pasted)
	if err != nil || got.Scheme != expected.Scheme || got.Host != expected.Host || strings.Trim(got.Path, "/") != strings.Trim(expected.Path, "/") {
		return nil, fmt.Errorf("what was pasted is not an address that begins with %s: copy all of the browser's address line, after signing in", redirectURI)
	}
	return got.Query(), nil
}
