// Command go-client calls ProcessMaker with a token that Vault refreshes. Copy
// Source and Transport into your program; this file only runs them.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/vault/api"
)

func main() {
	path := flag.String("path", "processmaker/creds/worker", "Vault path of the token")
	url := flag.String("url", "https://bpm.example.com/api/1.0/users", "URL to call")
	every := flag.Duration("every", time.Second, "time between two calls")
	ca := flag.String("ca", "", "file with the certificate authority of ProcessMaker (default: those of the system)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *path, *url, *every, *ca); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, path, url string, every time.Duration, ca string) error {
	vault, err := api.NewClient(nil) // VAULT_ADDR, VAULT_TOKEN and so on
	if err != nil {
		return err
	}
	next, err := transport(ca)
	if err != nil {
		return err
	}
	source := NewSource(vault, path)
	sender := &Transport{Source: source, Next: next}

	// The source revokes its lease after the last call. In the other order, calls
	// would use a revoked token.
	keeping, end := context.WithCancel(context.Background())
	defer end()
	kept := make(chan error, 1)
	ready := make(chan struct{})
	go func() { kept <- source.Keep(keeping, func() { close(ready) }) }()
	select {
	case err := <-kept:
		return err
	case <-ready:
	}
	refused := call(ctx, &http.Client{Transport: sender}, url, every)
	fmt.Printf("refused=%d repeated=%d\n", refused, sender.Repeated.Load())
	end()
	return <-kept
}

// call calls the url until ctx is done, and returns the number of refused calls.
func call(ctx context.Context, client *http.Client, url string, every time.Duration) (refused int) {
	for ctx.Err() == nil {
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			log.Fatal(err)
		}
		req.Header.Set("Accept", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			log.Print(err)
		} else {
			_ = resp.Body.Close()
			fmt.Println(resp.StatusCode)
			if resp.StatusCode == http.StatusUnauthorized {
				refused++
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
	return refused
}

func transport(ca string) (http.RoundTripper, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if ca == "" {
		return t, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + ca)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}
