package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// farewellTime is how long the last page may take to the browser.
const farewellTime = 5 * time.Second

// listen waits for the browser at the redirect URI.
func listen(ctx context.Context, begun attempt, finish func(code string) (person, error), output io.Writer) (person, error) {
	address, path, err := loopback(begun.redirectURI)
	if err != nil {
		return person{}, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return person{}, fmt.Errorf("the browser cannot be waited for at %s: %w; free the port, or use -no-listen", begun.redirectURI, err)
	}
	waiting := newCallback(path, begun, finish, output)
	server := &http.Server{Handler: waiting, ReadHeaderTimeout: farewellTime}
	// Serve only ends when the server is closed, and its error says no more.
	go func() { _ = server.Serve(listener) }()
	defer func() {
		// The page is still on its way; the context may have ended by now.
		farewell, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellTime)
		defer cancel()
		_ = server.Shutdown(farewell)
	}()

	fmt.Fprintf(output, "Open this address in a browser on this machine and sign in:\n\n%s\n\n", begun.authorizationURL)
	select {
	case result := <-waiting.done:
		return result.who, result.err
	case <-ctx.Done():
		return person{}, context.Cause(ctx)
	}
}

// loopback gives where to listen. Only this machine's own browser may get
// there: a code that crosses a network in the clear is no secret.
func loopback(redirectURI string) (address, path string, err error) {
	parsed, err := url.Parse(redirectURI)
	if err != nil {
		return "", "", fmt.Errorf("the role's redirect_uri is not an address: %w", err)
	}
	host := parsed.Hostname()
	ip := net.ParseIP(host)
	if parsed.Scheme != "http" || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", "", fmt.Errorf("the role's redirect_uri %s does not lead to this machine: "+
			"use -no-listen and paste the address that the browser ends at, "+
			"or give the role and its auth client a redirect_uri such as http://127.0.0.1:8250/oauth/callback", redirectURI)
	}
	port := parsed.Port()
	if port == "" {
		port = "80"
	}
	path = parsed.Path
	if path == "" {
		path = "/"
	}
	return net.JoinHostPort(host, port), path, nil
}
