package main

import (
	"errors"
	"fmt"
	"time"

	"vault-plugin-secrets-processmaker/internal/logingate"
)

// futileRenewal remembers a session whose new token was refused like the old
// one. ProcessMaker goes on refreshing for a deleted user, so every further read
// would cost a token call and change nothing.
type futileRenewal struct {
	logingate.Remembered
	tokenID string
}

// noteFutile remembers that renewing the session did not help, and says why.
func (r *loadedRole) noteFutile(renewed *session, now time.Time, refused error) error {
	err := errors.Join(&refusal{
		fmt.Sprintf("ProcessMaker renewed the session of user %q and refuses its token all the same: the user is deleted", renewed.Username),
		"Restore the user in ProcessMaker, or give the role another one",
	}, refused)
	r.futile.Store(&futileRenewal{logingate.Remembered{Refusal: err, Until: now.Add(logingate.LongestPause)}, renewed.TokenID})
	return err
}
