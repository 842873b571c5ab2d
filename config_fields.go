package main

import (
	"time"

	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-processmaker/client"
)

const (
	defaultTLSMinVersion          = "tls12"
	defaultRequestTimeout         = 15 * time.Second
	defaultMaxConcurrentRequests  = 16
	defaultTokenRequestsPerMinute = 60
)

func configFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"url":           {Type: framework.TypeString, Required: true, Description: `Base URL of the ProcessMaker instance, with an optional path, such as "https://bpm.example.com".`, DisplayAttrs: display("URL", "Instance")},
		"allow_http":    {Type: framework.TypeBool, Description: "Accept an http url for a host that is not loopback.", DisplayAttrs: display("Allow HTTP", "Instance")},
		"client_id":     {Type: framework.TypeString, Description: "Auth client for roles that name none.", DisplayAttrs: display("Client ID", "Auth client")},
		"client_secret": {Type: framework.TypeString, Description: "Secret of the auth client. Write only.", DisplayAttrs: sensitive("Client secret", "Auth client")},
		"client_auth_method": {
			Type: framework.TypeString, Default: string(client.ClientSecretPost), AllowedValues: []any{string(client.ClientSecretPost), string(client.ClientSecretBasic)},
			Description: "Whether the auth client's id and secret go into the body or into an HTTP Basic header.", DisplayAttrs: display("Client authentication method", "Auth client"),
		},
		"ca_cert":         {Type: framework.TypeString, Description: "PEM certificates that the instance's certificate is checked against. Default: the system's.", DisplayAttrs: multiline("CA certificates", "TLS")},
		"client_cert":     {Type: framework.TypeString, Description: "PEM client certificate for mutual TLS.", DisplayAttrs: multiline("Client certificate", "TLS")},
		"client_key":      {Type: framework.TypeString, Description: "PEM key of client_cert. Write only.", DisplayAttrs: sensitive("Client key", "TLS")},
		"tls_server_name": {Type: framework.TypeString, Description: "Name to expect in the instance's certificate in place of the url's host.", DisplayAttrs: display("TLS server name", "TLS")},
		"tls_min_version": {
			Type: framework.TypeString, Default: defaultTLSMinVersion, AllowedValues: []any{"tls12", "tls13"},
			Description: "Oldest TLS version to accept.", DisplayAttrs: display("Minimum TLS version", "TLS"),
		},
		"insecure_tls": {Type: framework.TypeBool, Description: "Do not check the instance's certificate. For tests only.", DisplayAttrs: display("Insecure TLS", "TLS")},
		"proxy_url":    {Type: framework.TypeString, Description: "Proxy for every call. Default: what Vault's environment says.", DisplayAttrs: display("Proxy URL", "Network")},
		"request_timeout": {
			Type: framework.TypeDurationSecond, Default: int(defaultRequestTimeout.Seconds()),
			Description: "Bound on one HTTP exchange, 1s to 30s.", DisplayAttrs: display("Request timeout", "Network"),
		},
		"max_concurrent_requests": {
			Type: framework.TypeInt, Default: defaultMaxConcurrentRequests,
			Description: "Most requests to the instance at one time, at least 2. Revocations use at most half.", DisplayAttrs: display("Concurrent requests", "Network"),
		},
		"token_requests_per_minute": {
			Type: framework.TypeInt, Default: defaultTokenRequestsPerMinute,
			Description: "Most calls of /oauth/token a minute; 0 for no bound. ProcessMaker allows 60 for each client address.", DisplayAttrs: display("Token requests a minute", "Network"),
		},
		"password_policy":   {Type: framework.TypeString, Description: "Name of a Vault password policy for rotate-role. Default: 32 letters, digits and symbols that ProcessMaker stores as they are.", DisplayAttrs: display("Password policy", "Password rotation")},
		"verify_connection": {Type: framework.TypeBool, Default: true, Description: "Check on write that a ProcessMaker answers at the url.", DisplayAttrs: display("Verify connection", "Instance")},
	}
}

func configAnswerFields() map[string]*framework.FieldSchema { return answerFields(configFields()) }
