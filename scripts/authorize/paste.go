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
	fmt.Fprintf(output, "The browser ends at an address that begins with %s; an error that the page cannot be shown does not matter.\n", begun.redirectURI)
	expected, err := url.Parse(begun.redirectURI)
	if err != nil {
		return person{}, fmt.Errorf("the role's redirect_uri is not an address: %w", err)
	}
	refused := errors.New("nothing was pasted")
	lines := readLines(ctx, input)
	for {
		fmt.Fprint(output, "Paste that address here: ")
		select {
		case line, more := <-lines:
			if !more {
				return person{}, refused
			}
			code, err := pastedCode(line, expected, begun)
			if err == nil {
				return finish(code)
			}
			if !errors.Is(err, errNotTheAddress) && !errors.Is(err, errOtherSignIn) {
				return person{}, err
			}
			// A wrong line must not end the sign-in that still waits.
			refused = err
			fmt.Fprintf(output, "Refused: %s. Still waiting for the sign-in.\n", err)
		case <-ctx.Done():
			return person{}, context.Cause(ctx)
		}
	}
}

// readLines gives the lines of an input, until it ends or nobody waits.
func readLines(ctx context.Context, input io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(input); scanner.Scan(); {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

var errNotTheAddress = errors.New("this is not the address that the browser ended at")

// pastedCode keeps the pasted line out of its errors: it may hold a code.
func pastedCode(line string, expected *url.URL, begun attempt) (string, error) {
	got, err := url.Parse(strings.TrimSpace(line))
	if err != nil || got.Scheme != expected.Scheme || got.Host != expected.Host || strings.Trim(got.Path, "/") != strings.Trim(expected.Path, "/") {
		return "", fmt.Errorf("%w: after the sign-in, copy the whole address from the browser; it begins with %s", errNotTheAddress, begun.redirectURI)
	}
	return readRedirect(got.Query(), begun)
}
