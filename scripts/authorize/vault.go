package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/vault/api"
)

// vault is the secrets engine, called with the person's own token.
type vault struct {
	client      *api.Client
	mount, role string
}

// attempt is a sign-in that Vault waits for.
type attempt struct {
	mount, role      string
	authorizationURL string
	state            string
	redirectURI      string
}

// person is who signed in at ProcessMaker.
type person struct{ username, userID string }

// connect leaves the environment to the api package, which reads it as the
// vault command does.
func connect(mount, role string) (*vault, error) {
	client, err := api.NewClient(nil)
	if err != nil {
		return nil, fmt.Errorf("reading how to reach Vault from the environment: %w", err)
	}
	if client.Token() == "" {
		token, err := storedToken()
		if err != nil {
			return nil, err
		}
		client.SetToken(token)
	}
	return &vault{client: client, mount: strings.Trim(mount, "/"), role: role}, nil
}

// storedToken gives what "vault login" left.
func storedToken() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("looking for a Vault token: %w", err)
	}
	content, err := os.ReadFile(filepath.Join(home, ".vault-token"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("looking for a Vault token: %w", err)
	}
	token := strings.TrimSpace(string(content))
	if token == "" {
		return "", errors.New(`there is no Vault token: run "vault login", or set VAULT_TOKEN`)
	}
	return token, nil
}

// begin asks where to sign in.
func (v *vault) begin(ctx context.Context) (attempt, error) {
	path := v.mount + "/authorize/" + v.role
	answer, err := v.write(ctx, path, nil)
	if err != nil {
		return attempt{}, err
	}
	begun := attempt{
		mount:            v.mount,
		role:             v.role,
		authorizationURL: text(answer, "authorization_url"),
		state:            text(answer, "state"),
		redirectURI:      text(answer, "redirect_uri"),
	}
	if begun.authorizationURL == "" || begun.state == "" || begun.redirectURI == "" {
		return attempt{}, fmt.Errorf("%s answered without an authorization_url: check that -mount is the path of the ProcessMaker secrets engine", path)
	}
	return begun, nil
}

// complete hands the code over. It is tried once: a code is good once, so that
// a second try would only hide why the first one failed.
func (v *vault) complete(ctx context.Context, begun attempt, code string) (person, error) {
	v.client.SetMaxRetries(0)
	answer, err := v.write(ctx, v.mount+"/sessions/"+v.role, map[string]any{"code": code, "state": begun.state})
	if err != nil {
		return person{}, err
	}
	return person{username: text(answer, "username"), userID: text(answer, "user_id")}, nil
}

func (v *vault) write(ctx context.Context, path string, fields map[string]any) (map[string]any, error) {
	secret, err := v.client.Logical().WriteWithContext(ctx, path, fields)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return nil, cause
	}
	var refusal *api.ResponseError
	switch {
	case errors.As(err, &refusal):
		return nil, fmt.Errorf("refused by Vault at %s (status %d): %s", path, refusal.StatusCode, strings.Join(refusal.Errors, "; "))
	case err != nil:
		return nil, fmt.Errorf("calling Vault: %w", err)
	case secret == nil:
		return nil, nil
	}
	return secret.Data, nil
}

// text gives a field of an answer; the number of a user may come as a number.
func text(answer map[string]any, name string) string {
	if answer[name] == nil {
		return ""
	}
	return fmt.Sprint(answer[name])
}
