//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"

	"github.com/hashicorp/vault/api"
)

// The mounts and roles that are measured.
const (
	ours      = "processmaker"
	theirs    = "engines"
	password  = "password" // logs in for each reader; renewals refresh
	extending = "extending"
	personal  = "personal"
	shared    = "shared"
)

// mountOurs mounts the product with a role of each kind.
func mountOurs(c *caller, v *vault, u *upstream, perMinute int) error {
	if err := v.api.Sys().Mount(ours, &api.MountInput{Type: product}); err != nil {
		return err
	}
	s := &stage{vault: v, upstream: u, caller: c}
	if err := c.write(ours+"/config", s.config(perMinute)); err != nil {
		return err
	}
	login, err := s.loginOf("alice")
	if err != nil {
		return err
	}
	for name, more := range map[string]map[string]any{
		password:  {},
		extending: {"renew_mode": "extend"},
		personal:  {"credential_type": "personal_access_token"},
		shared:    {"rotation_period": "24h"},
	} {
		role := maps.Clone(login)
		maps.Copy(role, more)
		if err := c.write(ours+"/roles/"+name, role); err != nil {
			return err
		}
	}
	return nil
}

// config is what a mount needs to reach the double.
func (s *stage) config(perMinute int) map[string]any {
	u := s.upstream
	return map[string]any{
		"url": u.URL, "ca_cert": u.CACert, "client_id": u.ClientID, "client_secret": u.ClientSecret,
		"token_requests_per_minute": perMinute,
	}
}

// loginOf is a role that signs in as the user.
func (s *stage) loginOf(username string) (map[string]any, error) {
	word, err := s.upstream.passwordOf(username)
	return map[string]any{"username": username, "password": word, "ttl": "1h", "max_ttl": "24h"}, err
}

// mountTheirs mounts the engines to measure against, and makes them answer and
// store as much as the product does. It gives their settings, for other mounts.
func mountTheirs(c *caller, v *vault, u *upstream) (settings map[string]any, err error) {
	if err := v.api.Sys().Mount(theirs, &api.MountInput{Type: engines}); err != nil {
		return nil, err
	}
	answer, err := c.read(ours + "/creds/" + password)
	if err != nil {
		return nil, err
	}
	var secret struct {
		Data map[string]any `json:"data"`
	}
	if err := json.Unmarshal(answer, &secret); err != nil {
		return nil, err
	}
	record, err := recordBytes(v)
	if err != nil {
		return nil, err
	}
	form, err := grantForm(u)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(map[string]any{
		"url": u.URL + "/oauth/token", "ca_cert": u.CACert, "form": form, "record_bytes": record,
		"answer": secret.Data,
		// What the product keeps with a lease, in names and sizes.
		"internal": map[string]any{
			"credential_id": secret.Data["credential_id"], "deadline": "2026-01-01T00:00:00Z", "lease_end": "2026-01-01T00:00:00.123456789Z",
			"role": password, "url": u.URL, "user_id": "2", "token_id": secret.Data["token_id"], "renew_mode": "refresh",
		},
	})
	if err != nil {
		return nil, err
	}
	settings = map[string]any{"json": string(text)}
	return settings, c.write(theirs+"/settings", settings)
}

// grantForm is the body of a login, as the product sends it.
func grantForm(u *upstream) (string, error) {
	word, err := u.passwordOf("alice")
	return url.Values{
		"grant_type": {"password"}, "username": {"alice"}, "password": {word},
		"client_id": {u.ClientID}, "client_secret": {u.ClientSecret},
	}.Encode(), err
}

// recordBytes is the size of a record that the product has stored.
func recordBytes(v *vault) (int, error) {
	mounts, err := v.api.Sys().ListMounts()
	if err != nil {
		return 0, err
	}
	path := fmt.Sprintf("sys/raw/logical/%s/ledger/", mounts[ours+"/"].UUID)
	for range 2 {
		list, err := v.api.Logical().List(path)
		if err != nil {
			return 0, err
		}
		if list == nil {
			break
		}
		keys, _ := list.Data["keys"].([]any)
		if len(keys) == 0 {
			break
		}
		path += fmt.Sprint(keys[0])
	}
	raw, err := v.api.Logical().Read(strings.TrimSuffix(path, "/"))
	if err != nil {
		return 0, err
	}
	if raw == nil {
		return 0, errors.New("the product has stored no record where one was expected: " + path)
	}
	value, _ := raw.Data["value"].(string)
	if value == "" {
		return 0, errors.New("the product's record cannot be read")
	}
	return len(value), nil
}
