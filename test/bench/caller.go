//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// caller makes requests at Vault as a lean client would.
type caller struct {
	client  *http.Client
	address string
	token   string
}

func newCaller(v *vault) *caller {
	return &caller{
		client:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: widest}, Timeout: time.Minute},
		address: v.address() + "/v1/",
		token:   v.token,
	}
}

// errRefused is an answer that is not a success.
type errRefused struct {
	status int
	body   string
}

func (e *errRefused) Error() string { return fmt.Sprintf("Vault answers %d: %s", e.status, e.body) }

func (c *caller) do(method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequest(method, c.address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Vault-Token", c.token)
	response, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 {
		return nil, &errRefused{response.StatusCode, string(answer[:min(len(answer), 500)])}
	}
	return answer, nil
}

var errNoToken = errors.New("the answer holds no access_token")

// read reads a credential and looks whether there is one.
func (c *caller) read(path string) ([]byte, error) {
	answer, err := c.do(http.MethodGet, path, nil)
	if err == nil && !bytes.Contains(answer, []byte(`"access_token"`)) {
		err = errNoToken
	}
	return answer, err
}

// lease reads a credential and returns its lease.
func (c *caller) lease(path string) (string, error) {
	answer, err := c.read(path)
	if err != nil {
		return "", err
	}
	var secret struct {
		LeaseID string `json:"lease_id"`
	}
	if err := json.Unmarshal(answer, &secret); err != nil {
		return "", err
	}
	if secret.LeaseID == "" {
		return "", errors.New("the answer holds no lease")
	}
	return secret.LeaseID, nil
}

// leases reads count credentials at 16 connections.
func (c *caller) leases(path string, count int) ([]string, pass, error) {
	ids := make([]string, count)
	p, err := drive(16, count, func(i int) error {
		var err error
		ids[i], err = c.lease(path)
		return err
	})
	return ids, p, err
}

func (c *caller) write(path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, err = c.do(http.MethodPut, path, text)
	return err
}

func (c *caller) renew(lease string, seconds int) error {
	return c.write("sys/leases/renew", map[string]any{"lease_id": lease, "increment": seconds})
}

// revoke returns when the plugin has done it.
func (c *caller) revoke(lease string) error {
	return c.write("sys/leases/revoke", map[string]any{"lease_id": lease, "sync": true})
}
