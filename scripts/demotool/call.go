package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// maxShown is how many bytes of an answer are shown, maxRead how many are read.
const (
	maxShown = 90
	maxRead  = 16 << 20
)

// call prints status and answer of a GET with a bearer token.
func call(out io.Writer, caFile, url, token string) error {
	status, body, err := get(caFile, url, token)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(string(body))
	if len(text) > maxShown {
		text = text[:maxShown] + " ..."
	}
	_, err = fmt.Fprintf(out, "%d %s\n", status, text)
	return err
}

func get(caFile, url, token string) (status int, body []byte, err error) {
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return 0, nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return 0, nil, fmt.Errorf("%s holds no certificate", caFile)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Accept", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxRead))
	return answer.StatusCode, body, err
}
