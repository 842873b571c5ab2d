package main

import (
	"github.com/hashicorp/vault/sdk/framework"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/engine/lease"
)

func roleFields() map[string]*framework.FieldSchema {
	return map[string]*framework.FieldSchema{
		"name":          {Type: framework.TypeString, Required: true, Description: "Name of the role.", DisplayAttrs: display("Name", "Role")},
		"client_id":     {Type: framework.TypeString, Description: "Auth client of this role. Default: the config's.", DisplayAttrs: display("Client ID", "Auth client")},
		"client_secret": {Type: framework.TypeString, Description: "Secret of the role's auth client. Write only.", DisplayAttrs: sensitive("Client secret", "Auth client")},
		"client_auth_method": {
			Type: framework.TypeString, Default: string(client.ClientSecretPost), AllowedValues: []any{string(client.ClientSecretPost), string(client.ClientSecretBasic)},
			Description: "Whether the auth client's id and secret go into the body or into an HTTP Basic header.", DisplayAttrs: display("Client authentication method", "Auth client"),
		},
		"grant_type": {
			Type: framework.TypeString, Default: grantTypePassword, AllowedValues: []any{grantTypePassword, grantTypeCode, grantTypeRefreshToken},
			Description: "How the role signs in: with username and password, by a person in a browser, or with a refresh token that is brought along.", DisplayAttrs: display("Grant type", "Login"),
		},
		"username":        {Type: framework.TypeString, Description: "ProcessMaker user name, not the e-mail address.", DisplayAttrs: display("User name", "Login")},
		"password":        {Type: framework.TypeString, Description: "Password of the user. Write only.", DisplayAttrs: sensitive("Password", "Login")},
		"scopes":          {Type: framework.TypeCommaStringSlice, Description: "Scopes to ask for. ProcessMaker defines none; leave it empty.", DisplayAttrs: display("Scopes", "Login")},
		"redirect_uri":    {Type: framework.TypeString, Description: "For grant_type authorization_code: the redirect URI of the auth client, exactly as it is there.", DisplayAttrs: display("Redirect URI", "Login")},
		"session_user_id": {Type: framework.TypeString, Description: "For grant_type authorization_code: the number of the one user who may sign in. Default: whoever does first, until the session is deleted.", DisplayAttrs: display("Session user ID", "Login")},
		"credential_type": {
			Type: framework.TypeString, Default: credentialTypeAccessToken, AllowedValues: []any{credentialTypeAccessToken, credentialTypePersonalToken},
			Description: "What is handed out: an access_token of a login of its own, or a personal_access_token made by the role's session.", DisplayAttrs: display("Credential type", "Credential"),
		},
		"user_id": {
			Type:        framework.TypeString,
			Description: "Personal access tokens: the user whose tokens are made, a number or exactly one {{identity.entity.metadata.<key>}}. Needs a session of an administrator. Default: the session's own user.", DisplayAttrs: display("User ID", "Credential"),
		},
		"allow_administrators": {Type: framework.TypeBool, Description: "With user_id: that user may be an administrator.", DisplayAttrs: display("Allow administrators", "Credential")},
		"ttl":                  {Type: framework.TypeDurationSecond, Default: int(defaultTTL.Seconds()), Description: "How long a lease lasts, and how much a renewal adds.", DisplayAttrs: display("TTL", "Credential")},
		"max_ttl":              {Type: framework.TypeDurationSecond, Default: int(defaultMaxTTL.Seconds()), Description: "How long a lease can be renewed in all.", DisplayAttrs: display("Maximum TTL", "Credential")},
		"renew_mode": {
			Type: framework.TypeString, AllowedValues: []any{string(lease.Refresh), string(lease.Extend), string(lease.None)},
			Description: "What renewing a lease does: refresh (a new token, the old one dies), extend (the same token), none (not renewable). Default: refresh for access tokens, extend for personal access tokens.", DisplayAttrs: display("Renewal mode", "Credential"),
		},
		"refresh_min_age":  {Type: framework.TypeDurationSecond, Description: "With renew_mode refresh: a token younger than this is kept by a renewal.", DisplayAttrs: display("Least age for refresh", "Credential")},
		"rotation_period":  {Type: framework.TypeDurationSecond, Description: "For static-creds: how long one shared credential is handed out, 10s and more. Default: none is.", DisplayAttrs: display("Rotation period", "Shared credential")},
		"rotation_overlap": {Type: framework.TypeDurationSecond, Default: int(defaultRotationOverlap.Seconds()), Description: "For static-creds: how long a shared credential lives on after its rotation; below rotation_period.", DisplayAttrs: display("Rotation overlap", "Shared credential")},
		"verify":           {Type: framework.TypeBool, Description: "Log in once now and end that login at once, so that a mistake shows here. Not stored.", DisplayAttrs: display("Verify", "Login")},
	}
}
