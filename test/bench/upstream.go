//go:build unix

package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/test/acceptance"
)

// upstream is a ProcessMaker double in a process of its own.
type upstream struct {
	program *acceptance.Program
	client  *http.Client

	URL          string `json:"url"`
	CACert       string `json:"ca_cert"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Users        []struct {
		Username string `json:"username"`
		Password string `json:"password"`
	} `json:"users"`
}

func startUpstream(tools tools, arguments ...string) (*upstream, error) {
	cmd := exec.Command(tools.processmaker, append([]string{"-tls"}, arguments...)...)
	cmd.Stderr = os.Stderr
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	cmd.Stdout = writer
	u := &upstream{}
	u.program, err = acceptance.StartProgram(cmd)
	writer.Close()
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(reader).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, u)
	}
	if err != nil {
		_ = u.stop()
		return nil, fmt.Errorf("the ProcessMaker double does not say where it is: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(u.CACert))
	u.client = &http.Client{
		Timeout: 15 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: widest,
		},
	}
	return u, nil
}

func (u *upstream) stop() error { return u.program.Stop() }

// passwordOf is what the user logs in with.
func (u *upstream) passwordOf(username string) (string, error) {
	for _, user := range u.Users {
		if user.Username == username {
			return user.Password, nil
		}
	}
	return "", fmt.Errorf("the ProcessMaker double has no user %q", username)
}

// counts are what a canned double has seen.
func (u *upstream) counts() (processmakertest.CannedCounts, error) {
	var counts processmakertest.CannedCounts
	return counts, u.ask("/_test/counts", &counts)
}

func (u *upstream) ask(path string, into any) error {
	answer, err := u.client.Get(u.URL + path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the ProcessMaker double answers %s to %s", answer.Status, path)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
