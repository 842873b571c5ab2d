package processmakertest

import (
	"net/http"
	"slices"
	"strings"
)

// listTokens shows what was made with a personal access client and not
// revoked; tokens of the other grants are not listed.
func (v *visit) listTokens(caller, target *userRow) answer {
	if !caller.maySee(target) {
		return forbidden("Not authorized to view this user.")
	}
	tokens := []listedToken{}
	for _, row := range v.server.data.tokens {
		client := v.server.data.clientByID(row.clientID)
		if row.userID == target.ID && !row.revoked && v.findable(row) && client != nil && client.PersonalAccess {
			tokens = append(tokens, listedToken{newTokenResource(row), newClientResource(client)})
		}
	}
	// Ids are random, so this order says nothing about time.
	slices.SortFunc(tokens, func(a, b listedToken) int { return strings.Compare(a.ID, b.ID) })
	if !v.pageFits() {
		return serverError(true)
	}
	return jsonAnswer(http.StatusOK, paginate(tokens, v.request.URL.Query(), "/", "/", v.world))
}

// showToken knows every token of the user, whatever its grant.
func (v *visit) showToken(caller, target *userRow) answer {
	if !caller.maySee(target) {
		return forbidden("Not authorized to view this user.")
	}
	row := v.tokenOf(target)
	if row == nil {
		return jsonAnswer(http.StatusNotFound, []string{})
	}
	if client := v.server.data.clientByID(row.clientID); v.world.showsClient && client != nil {
		return jsonAnswer(http.StatusOK, listedToken{newTokenResource(row), newClientResource(client)})
	}
	return jsonAnswer(http.StatusOK, newTokenResource(row))
}

func (v *visit) createToken(caller, target *userRow) answer {
	allowed := caller.mayEdit(target)
	if v.server.release.reservesTokensOfOthers() {
		allowed = caller.Administrator || caller.ID == target.ID
	}
	if !allowed {
		return forbidden("Not authorized to update this user.")
	}
	name, ok := v.tokenName()
	faults := map[string][]string{}
	switch _, present := v.fields["name"]; {
	case !present, ok && name == "":
		faults["name"] = []string{v.world.wording.nameMissing}
	case !ok:
		faults["name"] = []string{v.world.wording.nameNoText}
	case len([]rune(name)) > 255:
		faults["name"] = []string{v.world.wording.nameTooLong}
	}
	// No scope is defined, so there is none to choose.
	if scopes, ok := v.fields["scopes"].([]any); ok && len(scopes) > 0 {
		faults["scopes"] = []string{v.world.wording.unknownScopes}
	}
	if len(faults) > 0 {
		return invalid(faults, "name", "scopes")
	}

	client := v.server.data.personalClient(v.world)
	if client == nil || client.Revoked {
		return serverError(true)
	}
	made, refusal := v.issue(issueOrder{
		clientID: formatID(client.ID), client: client, userID: formatID(target.ID), grant: grantPersonalAccess,
	})
	if refusal != nil {
		return serverError(true)
	}
	v.tokenID = made.row.id
	if v.breakNaming {
		// No answer holds the token, so none that is read counts for it.
		v.namingBroke, made.row.issuedIn = true, &record{}
		return serverError(true)
	}
	made.row.name, made.row.named = name, true
	return jsonAnswer(http.StatusOK, v.world.creation(made))
}

// tokenName gives the name asked for, without what the product takes for markup.
// A number is a name, too.
func (v *visit) tokenName() (string, bool) {
	if _, isBool := v.fields["name"].(bool); isBool {
		return "", false
	}
	name, ok := v.fields.scalar("name")
	return withoutMarkup(name), ok
}

// deleteToken revokes first. What fails afterwards, for a token without a
// name, does not bring the token back.
func (v *visit) deleteToken(caller, target *userRow) answer {
	if !caller.mayEdit(target) {
		return forbidden("Not authorized to update this user.")
	}
	row := v.tokenOf(target)
	if row == nil {
		return notFound()
	}
	v.server.data.revokeToken(row.id, v.server.config.Clock())
	if !row.named && v.server.release.failsOnUnnamedDelete() {
		return serverError(true)
	}
	return noContent()
}

// tokenOf gives the token in the path if it is the user's.
func (v *visit) tokenOf(target *userRow) *tokenRow {
	if row := v.server.data.byID[v.route.token]; row != nil && row.userID == target.ID && v.findable(row) {
		return row
	}
	return nil
}

// findable says whether the token calls see a token at all.
func (v *visit) findable(row *tokenRow) bool {
	return !v.world.hidesEnded || row.isStanding(v.server.config.Clock())
}
