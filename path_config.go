package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/fields"
)

const (
	configHelpSynopsis = `Which ProcessMaker instance this mount serves, and how it is reached.`

	configHelpDescription = `
One mount serves one instance. "url" is the only field without a default. The
auth client (client_id, client_secret, client_auth_method) is used by roles
that name none of their own.

A write checks that a ProcessMaker answers at the url, unless
verify_connection=false. Fields that are not given keep their value; a PATCH
with null puts a field's default back. Secrets are never read back:
client_secret_set and client_key_set say that one is stored.

Who may write here can obtain every secret of the mount, by having them sent
through a place of his own. To make that harder, changing url, proxy_url or
tls_server_name and turning on insecure_tls need client_secret again where one is
stored. url cannot change while credentials live.
`
)

func (b *backend) configPaths() []*framework.Path {
	write := func(verb string) *framework.PathOperation {
		return &framework.PathOperation{
			Callback:                    b.writeConfig,
			Summary:                     "Set how the ProcessMaker instance is reached.",
			Responses:                   respondsEmpty(),
			DisplayAttrs:                &framework.DisplayAttributes{OperationVerb: verb, OperationSuffix: "config"},
			ForwardPerformanceStandby:   true,
			ForwardPerformanceSecondary: true,
		}
	}
	return []*framework.Path{{
		Pattern:         "config",
		DisplayAttrs:    &framework.DisplayAttributes{OperationPrefix: operationPrefix},
		HelpSynopsis:    configHelpSynopsis,
		HelpDescription: configHelpDescription,
		Fields:          configFields(),
		ExistenceCheck:  b.configExists,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.CreateOperation: write("configure"),
			logical.UpdateOperation: write("configure"),
			logical.PatchOperation:  write("patch"),
			logical.ReadOperation: &framework.PathOperation{
				Callback:     b.readConfigPath,
				Summary:      "Read how the ProcessMaker instance is reached, without secrets.",
				Responses:    responds("The settings.", configAnswerFields()),
				DisplayAttrs: &framework.DisplayAttributes{OperationVerb: "read", OperationSuffix: "config"},
			},
			logical.DeleteOperation: &framework.PathOperation{
				Callback:                    b.deleteConfig,
				Summary:                     "Erase the settings' secrets and refuse new credentials.",
				Responses:                   respondsEmpty(),
				DisplayAttrs:                &framework.DisplayAttributes{OperationVerb: "delete", OperationSuffix: "config"},
				ForwardPerformanceStandby:   true,
				ForwardPerformanceSecondary: true,
			},
		},
	}}
}

func (b *backend) configExists(ctx context.Context, req *logical.Request, _ *framework.FieldData) (bool, error) {
	current, err := b.settings.load(ctx, req.Storage, b.clock)
	if isUnreadable(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return current != nil && !current.config.Deleted, nil
}

// verifyTimeout bounds the check of a write, below the patience of Vault's
// command line.
const verifyTimeout = 40 * time.Second

func (b *backend) writeConfig(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	previous, err := b.settings.load(ctx, req.Storage, b.clock)
	if err != nil && (!isUnreadable(err) || req.Operation == logical.PatchOperation) {
		return nil, err
	}
	changed := newConfig()
	if previous != nil && !previous.config.Deleted {
		*changed = previous.config
	} else if req.Operation == logical.PatchOperation {
		return logical.ErrorResponse("there is no config to patch: create it with a POST"), nil
	}
	in := &fields.Input{Data: data}
	changed.change(in)
	if in.Err != nil {
		return logical.ErrorResponse(in.Err.Error()), nil
	}
	if err := changed.validate(); err != nil {
		return logical.ErrorResponse("config: " + err.Error()), nil
	}
	if previous != nil && previous.config.AuthClient.Secret != "" && data.Raw["client_secret"] == nil {
		if field := changed.redirectsSecrets(&previous.config); field != "" {
			return logical.ErrorResponse("changing %s needs client_secret in the same request, so that a stored secret cannot be sent to another place by who does not know it", field), nil
		}
	}
	if policy := changed.PasswordPolicy; policy != "" && data.Raw["password_policy"] != nil {
		if _, err := b.newPassword(ctx, policy); err != nil {
			return logical.ErrorResponse("config: " + err.Error()), nil
		}
	}
	next, err := b.settings.make(changed, b.clock)
	if err != nil {
		return logical.ErrorResponse("config: " + err.Error()), nil
	}
	if changed.VerifyConnection {
		verifyCtx, cancel := context.WithTimeout(ctx, verifyTimeout)
		defer cancel()
		if err := next.client.CheckConnection(verifyCtx); err != nil {
			next.client.Close()
			return logical.ErrorResponse("no ProcessMaker was found at %s, nothing was stored: %s (verify_connection=false stores it unchecked)", changed.URL, err), nil
		}
	}
	err = b.moveAndReplace(ctx, req.Storage, previous, next)
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		return logical.ErrorResponse(refused.Error()), nil
	case errors.Is(err, errSettingsMoved):
		return nil, logical.CodedError(http.StatusConflict, err.Error())
	case err != nil:
		return nil, err
	}
	// A refused login may have been the old settings' fault.
	b.roles.forgetAll()
	b.notice(hclog.Debug, configWritten, about{path: "config"}, "config written")
	return configWarnings(changed), nil
}

func configWarnings(c *config) *logical.Response {
	resp := &logical.Response{}
	if c.InsecureTLS {
		resp.AddWarning("insecure_tls is on: whoever is on the way can read every password and token")
	}
	if base, err := c.baseURL(); err == nil && base.Scheme == "http" {
		resp.AddWarning("url is http: whoever is on the way can read every password and token")
	}
	if len(resp.Warnings) == 0 {
		return nil
	}
	return resp
}

func (b *backend) readConfigPath(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	current, err := b.settings.load(ctx, req.Storage, b.clock)
	if err != nil || current == nil || current.config.Deleted {
		return nil, err
	}
	c := &current.config
	return &logical.Response{Data: map[string]any{
		"url":                       c.URL,
		"allow_http":                c.AllowHTTP,
		"client_id":                 c.AuthClient.ID,
		"client_secret_set":         c.AuthClient.Secret != "",
		"client_auth_method":        c.AuthClient.Method,
		"ca_cert":                   c.CACert,
		"client_cert":               c.ClientCert,
		"client_key_set":            c.ClientKey != "",
		"tls_server_name":           c.TLSServerName,
		"tls_min_version":           c.TLSMinVersion,
		"insecure_tls":              c.InsecureTLS,
		"proxy_url":                 c.maskedProxyURL(),
		"request_timeout":           int64(c.RequestTimeout.Seconds()),
		"max_concurrent_requests":   c.MaxConcurrentRequests,
		"token_requests_per_minute": c.TokenRequestsPerMinute,
		"password_policy":           c.PasswordPolicy,
		"verify_connection":         c.VerifyConnection,
	}}, nil
}

func (b *backend) deleteConfig(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	previous, err := b.settings.load(ctx, req.Storage, b.clock)
	if err != nil || previous == nil {
		return nil, err
	}
	defer b.inflight.Join()()
	defer b.roles.forgetAll()
	removed, err := b.removeConfigIfQuiet(ctx, req.Storage, previous)
	if errors.Is(err, errSettingsMoved) {
		return nil, logical.CodedError(http.StatusConflict, err.Error())
	}
	if err != nil {
		return nil, err
	}
	if removed {
		b.notice(hclog.Debug, configDeleted, about{path: "config"}, "config deleted")
		return nil, nil
	}
	live, err := ledger.All(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	next, err := b.settings.make(previous.config.connectionOnly(), b.clock)
	if err != nil {
		return nil, err
	}
	err = b.settings.replace(ctx, req.Storage, b.clock, previous, next, nil)
	if errors.Is(err, errSettingsMoved) {
		return nil, logical.CodedError(http.StatusConflict, err.Error())
	}
	if err != nil {
		return nil, err
	}
	b.notice(hclog.Debug, configDeleted, about{path: "config"}, "config deleted; what is needed to end live credentials is kept")
	resp := &logical.Response{}
	resp.AddWarning(fmt.Sprintf("%d credentials still live at %s. They can be revoked as before; end all of them with: vault write %stidy all=true", len(live), previous.config.URL, req.MountPoint))
	return resp, nil
}

func (b *backend) wakeConfigRemoval(storage logical.Storage) {
	b.beside(&b.removingConfig, "removal of the config", func() {
		if err := b.dropDeletedConfig(b.lifetime, storage); err != nil && !errors.Is(err, errSettingsMoved) {
			b.log(hclog.Warn, about{path: "config"}, "what was kept of the deleted config could not be removed", "error", err)
		}
	})
}

// dropDeletedConfig removes what was kept of deleted settings once nothing is
// left to end. It lists the minutes of the ledger, and only while the config is
// deleted.
func (b *backend) dropDeletedConfig(ctx context.Context, storage logical.Storage) error {
	current, err := b.settings.load(ctx, storage, b.clock)
	if err != nil || current == nil || !current.config.Deleted {
		return err
	}
	_, err = b.removeConfigIfQuiet(ctx, storage, current)
	return err
}

// removeConfigIfQuiet removes the config if nothing is left that only it knows
// the way to. The sessions, which may have been needed until now to find lost
// tokens, are ended first; one that cannot be ended is put down in the ledger,
// which keeps the config.
func (b *backend) removeConfigIfQuiet(ctx context.Context, storage logical.Storage, current *settings) (bool, error) {
	empty, err := ledger.Empty(ctx, storage)
	if err != nil || !empty {
		return false, err
	}
	b.endSessions(ctx, storage, current)
	err = b.settings.remove(ctx, storage, b.clock, current, func() error {
		sessions, err := storage.List(ctx, sessionPrefix)
		if err == nil && len(sessions) == 0 {
			empty, err = ledger.Empty(ctx, storage)
		}
		if err == nil && (len(sessions) > 0 || !empty) {
			err = errStillNeeded
		}
		return err
	})
	if errors.Is(err, errStillNeeded) {
		return false, nil
	}
	return err == nil, err
}

// errStillNeeded: something is left that only this config knows the way to.
var errStillNeeded = errors.New("the config is still needed")
