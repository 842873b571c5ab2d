package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"

	"vault-plugin-secrets-processmaker/engine/instance"
	"vault-plugin-secrets-processmaker/internal/fields"
	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/internal/store"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

const configHelp = `
One mount serves one instance. "url" is the only field without a default. The
auth client (client_id, client_secret, client_auth_method) is used by roles
that name none of their own.

A write checks that a ProcessMaker answers at the url and that the url is its
base, which is one call of the token endpoint. verify_connection=false leaves
that write unchecked. Fields that are not given keep their value; a PATCH
with null puts a field's default back. Secrets are never read back:
client_secret_set and client_key_set say that one is stored.

A Vault user who may write this path can obtain every secret of the mount, by
sending them through a server of their own. To make that harder, a change of url,
proxy_url or tls_server_name and insecure_tls=true need client_secret again where
one is stored. url cannot change while credentials live.

For example:

    vault write <mount>/config url=https://bpm.example.com \
        client_id=3 client_secret=@client-secret.txt
`

func (b *backend) configPaths() []*framework.Path {
	const summary = "Set how the ProcessMaker instance is reached."
	config := path("config", `Sets which ProcessMaker instance the mount serves, and how it is reached.`, configHelp, configFields(), map[logical.Operation]framework.OperationHandler{
		logical.CreateOperation: onPrimary(b.writeConfig, named{"configure", "config"}, summary, respondsEmpty()),
		logical.UpdateOperation: onPrimary(b.writeConfig, named{"configure", "config"}, summary, respondsEmpty()),
		logical.PatchOperation:  onPrimary(b.writeConfig, named{"patch", "config"}, summary, respondsEmpty()),
		logical.ReadOperation: here(b.readConfig, named{"read", "config"}, "Read how the ProcessMaker instance is reached, without secrets.",
			responds("The settings.", answerFields(configFields(), "verify_connection"))),
		logical.DeleteOperation: onPrimary(b.deleteConfig, named{"delete", "config"}, "Erase the settings' secrets and refuse new credentials.", respondsEmpty()),
	})
	config.ExistenceCheck = b.configExists
	return []*framework.Path{config}
}

func configFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"url":                       {Type: framework.TypeString, Required: true, Description: `Base URL of the ProcessMaker instance, with an optional path. Example: url=https://bpm.example.com`, DisplayAttrs: display("URL", "Instance")},
		"allow_http":                {Type: framework.TypeBool, Description: "Accept an http url for a host that is not loopback.", DisplayAttrs: display("Allow HTTP", "Instance")},
		"client_id":                 {Type: framework.TypeString, Description: "ID of the auth client for roles that name none. Example: client_id=3", DisplayAttrs: display("Client ID", "Auth client")},
		"client_secret":             {Type: framework.TypeString, Description: "Secret of the auth client. It is never read back. Example: client_secret=@client-secret.txt", DisplayAttrs: sensitive("Client secret", "Auth client")},
		"client_auth_method":        authMethodField(),
		"ca_cert":                   {Type: framework.TypeString, Description: "PEM certificates that the instance's certificate is checked against. Default: the system's. Example: ca_cert=@ca.pem", DisplayAttrs: multiline("CA certificates", "TLS")},
		"client_cert":               {Type: framework.TypeString, Description: "PEM client certificate for mutual TLS. Example: client_cert=@client.pem", DisplayAttrs: multiline("Client certificate", "TLS")},
		"client_key":                {Type: framework.TypeString, Description: "PEM key of client_cert. It is never read back. Example: client_key=@client-key.pem", DisplayAttrs: sensitive("Client key", "TLS")},
		"tls_server_name":           {Type: framework.TypeString, Description: "Name to expect in the instance's certificate. Default: the host of url. Example: tls_server_name=bpm.example.com", DisplayAttrs: display("TLS server name", "TLS")},
		"tls_min_version":           choice(instance.DefaultTLSMinVersion, []any{"tls12", "tls13"}, "Oldest TLS version to accept.", display("Minimum TLS version", "TLS")),
		"insecure_tls":              {Type: framework.TypeBool, Description: "Do not check the instance's certificate. For tests only.", DisplayAttrs: display("Insecure TLS", "TLS")},
		"proxy_url":                 {Type: framework.TypeString, Description: "Proxy for every call. Default: the proxy variables in the environment of Vault. Example: proxy_url=http://proxy.example.com:3128", DisplayAttrs: display("Proxy URL", "Network")},
		"request_timeout":           number(framework.TypeDurationSecond, int(instance.DefaultRequestTimeout.Seconds()), "Time limit of one HTTP exchange, 1s to 30s. Example: request_timeout=20s", display("Request timeout", "Network")),
		"max_concurrent_requests":   number(framework.TypeInt, instance.DefaultMaxConcurrentRequests, "Most requests to the instance at one time, 2 to 1000. Revocations use at most half. Example: max_concurrent_requests=32", display("Concurrent requests", "Network")),
		"token_requests_per_minute": number(framework.TypeInt, instance.DefaultTokenRequestsPerMinute, "Most calls of /oauth/token a minute, 0 to 100000; 0 for no limit. ProcessMaker allows 60 for each client address. Example: token_requests_per_minute=120", display("Token requests a minute", "Network")),
		"password_policy":           {Type: framework.TypeString, Description: "Name of a Vault password policy for rotate-role. Default: a built-in generator of 32 letters, digits and symbols. Example: password_policy=processmaker", DisplayAttrs: display("Password policy", "Password rotation")},
		"verify_connection":         {Type: framework.TypeBool, Default: true, Description: "On this write, check that a ProcessMaker answers at the url, and that the url is its base. Not stored.", DisplayAttrs: display("Verify connection", "Instance")},
	}
}

func (b *backend) configExists(ctx context.Context, _ *logical.Request, _ *framework.FieldData) (bool, error) {
	current, err := b.engine.Instances.Current(ctx)
	if store.IsUnreadable(err) {
		return false, nil
	}
	return current != nil && !current.Config.Deleted, err
}

// verifyTimeout bounds the check of a write, below the patience of Vault's command line.
const verifyTimeout = 40 * time.Second

func (b *backend) writeConfig(ctx context.Context, req *logical.Request, data *framework.FieldData) (*logical.Response, error) {
	previous, err := b.engine.Instances.Current(ctx)
	if err != nil && (!store.IsUnreadable(err) || req.Operation == logical.PatchOperation) {
		return nil, err
	}
	changed := instance.NewConfig()
	if previous != nil && !previous.Config.Deleted {
		*changed = previous.Config
	} else if req.Operation == logical.PatchOperation {
		return nil, problem.Refusef("there is no config to patch: create it with \"vault write %sconfig url=https://bpm.example.com\"", problem.Mount)
	}
	if err := b.changeConfig(ctx, changed, previous, data); err != nil {
		return nil, err
	}
	next, err := b.engine.Instances.Prepare(changed)
	if err != nil {
		return nil, problem.Refusef("config: %s", err)
	}
	in, verify := &fields.Input{Data: data}, true
	in.Boolean("verify_connection", &verify)
	if in.Err != nil {
		return nil, problem.Refusef("%s", in.Err)
	}
	if verify {
		if err := checkInstance(ctx, next); err != nil {
			next.Client.Close()
			return nil, problem.Refusef("no ProcessMaker was found at %s, nothing was stored: %s (verify_connection=false stores it unchecked)", changed.URL, err)
		}
	}
	if err := b.engine.ReplaceInstance(ctx, previous, next); err != nil {
		return nil, err
	}
	b.engine.Report.Happened(hclog.Debug, telemetry.ConfigWritten, telemetry.OfConfig(), "config written")
	return warned(configWarnings(changed)...), nil
}

func checkInstance(ctx context.Context, inst *instance.Instance) error {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	if err := inst.Client.CheckConnection(ctx); err != nil {
		return err
	}
	return inst.Client.CheckTokenEndpoint(ctx)
}

func (b *backend) changeConfig(ctx context.Context, changed *instance.Config, previous *instance.Instance, data *framework.FieldData) error {
	in := &fields.Input{Data: data}
	changed.Change(in)
	if in.Err != nil {
		return problem.Refusef("%s", in.Err)
	}
	if err := changed.Validate(); err != nil {
		return problem.Refusef("config: %s", err)
	}
	if previous != nil && previous.Config.AuthClient.Secret != "" && data.Raw["client_secret"] == nil {
		if field := changed.RedirectsSecrets(&previous.Config); field != "" {
			return problem.Refusef("changing %s needs client_secret in the same request, for example client_secret=@client-secret.txt, so that nobody sends a stored secret to another place without knowing it", field)
		}
	}
	if policy := changed.PasswordPolicy; policy != "" && data.Raw["password_policy"] != nil {
		if _, err := b.engine.Passwords.Generate(ctx, policy); err != nil {
			return problem.Refusef("config: %s", err)
		}
	}
	return nil
}

func configWarnings(c *instance.Config) (warnings []string) {
	if c.InsecureTLS {
		warnings = append(warnings, "insecure_tls is on: whoever is on the way can read every password and token")
	}
	if base, err := c.BaseURL(); err == nil && base.Scheme == "http" {
		warnings = append(warnings, "url is http: whoever is on the way can read every password and token")
	}
	return warnings
}

func (b *backend) readConfig(ctx context.Context, _ *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	current, err := b.engine.Instances.Current(ctx)
	if err != nil || current == nil || current.Config.Deleted {
		return nil, err
	}
	c := &current.Config
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
		"proxy_url":                 c.MaskedProxyURL(),
		"request_timeout":           int64(c.RequestTimeout.Seconds()),
		"max_concurrent_requests":   c.MaxConcurrentRequests,
		"token_requests_per_minute": c.TokenRequestsPerMinute,
		"password_policy":           c.PasswordPolicy,
	}}, nil
}

func (b *backend) deleteConfig(ctx context.Context, req *logical.Request, _ *framework.FieldData) (*logical.Response, error) {
	previous, err := b.engine.Instances.Current(ctx)
	if err != nil || previous == nil {
		return nil, err
	}
	removed, live, err := b.engine.RemoveInstance(ctx, previous)
	if err != nil {
		return nil, err
	}
	if removed {
		b.engine.Report.Happened(hclog.Debug, telemetry.ConfigDeleted, telemetry.OfConfig(), "config deleted")
		return nil, nil
	}
	b.engine.Report.Happened(hclog.Debug, telemetry.ConfigDeleted, telemetry.OfConfig(), "config deleted; what is needed to end live credentials is kept")
	return warned(fmt.Sprintf("%d credentials still live at %s. They can be revoked as before; end all of them with: vault write %scredentials/revoke all=true", live, previous.Config.URL, problem.Mount)), nil
}
