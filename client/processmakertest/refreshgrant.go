package processmakertest

import "slices"

// refreshGrant goes in the product's order: everything is checked, then the
// old access token and the old refresh token are revoked, then the new pair is
// made. Nothing holds the steps together, and the user is not looked up.
func (v *visit) refreshGrant() (issued, *oauthError) {
	order, refusal := v.authenticateClient(grantRefresh)
	if refusal != nil {
		return issued{}, refusal
	}
	old, refusal := v.oldRefreshToken(order)
	if v.meet != nil {
		// Whoever comes in meanwhile sees the old tokens unrevoked.
		v.server.mu.Unlock()
		v.meet()
		v.server.mu.Lock()
	}
	if refusal != nil {
		return issued{}, refusal
	}
	order.scopes, refusal = v.scopes(old.Scopes)
	if refusal != nil {
		return issued{}, refusal
	}
	for _, scope := range order.scopes {
		if !slices.Contains(old.Scopes, scope) {
			return issued{}, invalidScope(scope)
		}
	}

	data := v.server.data
	data.revokeToken(old.AccessTokenID, v.server.config.Clock())
	if row := data.refresh[old.RefreshTokenID]; row != nil {
		row.revoked = true
	}
	if v.breakHalfWay {
		return issued{}, crashed()
	}
	order.userID = old.UserID
	order.refresh = true
	return v.issue(order)
}

// oldRefreshToken checks the refresh token that was sent.
func (v *visit) oldRefreshToken(order issueOrder) (refreshContent, *oauthError) {
	var old refreshContent
	text, ok := v.text("refresh_token")
	if !ok {
		return old, invalidRequest("refresh_token")
	}
	data := v.server.data
	if !data.unseal(text, &old) || old.RefreshTokenID == "" {
		return old, v.world.deadRefresh.because("Cannot decrypt the refresh token")
	}
	if old.ClientID != order.clientID {
		return old, v.world.deadRefresh.because("Token is not linked to client")
	}
	if old.ExpireTime < v.server.config.Clock().Unix() {
		return old, v.world.deadRefresh.because("Token has expired")
	}
	if row := data.refresh[old.RefreshTokenID]; row == nil || row.revoked {
		return old, v.world.deadRefresh.because("Token has been revoked")
	}
	return old, nil
}
