package engine

import (
	"context"

	"vault-plugin-secrets-processmaker/internal/store"
)

// RoleInfo lists the roles, sorted, and of each what a list may show. It makes no call.
func (e *Engine) RoleInfo(ctx context.Context) (names []string, info map[string]any, err error) {
	names, err = e.Roles.Names(ctx)
	if err != nil {
		return nil, nil, err
	}
	sessions, err := e.Sessions.States(ctx)
	if err != nil {
		return nil, nil, err
	}
	info = make(map[string]any, len(names))
	for _, name := range names {
		found, err := e.Roles.Get(ctx, name)
		switch {
		case store.IsUnreadable(err):
			info[name] = map[string]any{"error": err.Error()}
		case err != nil:
			return nil, nil, err
		case found != nil:
			info[name] = map[string]any{
				"grant_type":      found.GrantType,
				"credential_type": found.CredentialType,
				"renew_mode":      string(found.RenewMode),
				"username":        found.Username,
				"session_state":   sessions[name],
			}
		}
	}
	return names, info, nil
}
