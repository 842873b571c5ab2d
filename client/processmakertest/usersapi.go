package processmakertest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

func (v *visit) showUser(caller, target *userRow) answer {
	if !caller.maySee(target) {
		return forbidden("Not authorized to view this user.")
	}
	return jsonAnswer(http.StatusOK, newUserResource(target))
}

// listUsers filters by a part of the names or of the e-mail address.
func (v *visit) listUsers(caller *userRow) answer {
	if !caller.may("view-users") {
		return forbidden("Not authorized to view users.")
	}
	if !v.pageFits() {
		return serverError(true)
	}
	query := v.request.URL.Query()
	filter := strings.ToLower(query.Get("filter"))
	users := []userResource{}
	for _, user := range v.server.data.users {
		text := strings.ToLower(strings.Join([]string{user.Username, user.FirstName, user.LastName, user.Email}, "\n"))
		if !user.Deleted && strings.Contains(text, filter) {
			users = append(users, newUserResource(user))
		}
	}
	slices.SortFunc(users, func(a, b userResource) int { return strings.Compare(a.Username, b.Username) })
	path := v.server.URL() + "/api/1.0/users"
	return jsonAnswer(http.StatusOK, paginate(users, query, path, path, v.world))
}

// updateUser replaces the user: every required field has to be there.
func (v *visit) updateUser(caller, target *userRow) answer {
	if !caller.mayEdit(target) {
		return forbidden("Not authorized to update this user.")
	}
	username, present := v.fields.text("username")
	if v.server.release.comparesUsername() {
		if !present {
			return serverError(true)
		}
		if !caller.may("edit-user-and-password") && (username != target.Username || v.mentionsPassword()) {
			return forbidden("Not authorized to update this user.")
		}
	}
	if a, ok := v.validateUpdate(caller, target); !ok {
		return a
	}

	now := v.server.config.Clock()
	target.Username = username
	target.FirstName, _ = v.fields.text("firstname")
	target.LastName, _ = v.fields.text("lastname")
	target.Email, _ = v.fields.text("email")
	target.Status, _ = v.fields.text("status")
	if password, ok := v.fields.text("password"); ok {
		target.Password, target.passwordChangedAt = password, now
	}
	target.updatedAt = now
	return noContent()
}

// mentionsPassword is the product's test for a change of the password. It
// looks at values where it means names, loosely, so that true is a hit and a
// password is none.
func (v *visit) mentionsPassword() bool {
	for _, value := range v.fields {
		if value == true || value == "password" {
			return true
		}
	}
	return false
}

func (v *visit) validateUpdate(caller, target *userRow) (answer, bool) {
	order := []string{"username", "firstname", "lastname", "email", "status", "password"}
	faults := map[string][]string{}
	for _, field := range order[:5] {
		if _, ok := v.fields.text(field); !ok {
			label := strings.ToUpper(field[:1]) + field[1:]
			faults[field] = []string{"The " + label + " field is required."}
		}
	}
	username, _ := v.fields.text("username")
	if other := v.server.data.userByName(username); other != nil && other != target {
		faults["username"] = []string{"The Username has already been taken."}
	}
	if email, ok := v.fields.text("email"); ok && email != target.Email {
		// A new address has to be confirmed with the caller's own password.
		if confirmation, _ := v.fields.text("valpassword"); !caller.acceptsPassword(confirmation) {
			faults["email"] = []string{"A valid authentication is required to update the email."}
		}
	}
	if password, ok := v.fields.text("password"); ok {
		if list := v.world.wording.passwordFaults(password); list != nil {
			faults["password"] = list
		}
	}
	if len(faults) > 0 {
		return invalid(faults, order...), false
	}
	return answer{}, true
}

// changePassword sets the caller's own password, without asking for the old one.
func (v *visit) changePassword(caller *userRow) answer {
	password, _ := v.fields.text("password")
	confirmation, confirmed := v.fields.text("confpassword")
	if !confirmed {
		return jsonAnswer(http.StatusUnprocessableEntity, []string{})
	}
	faults := v.world.wording.passwordFaults(password)
	if password == "" {
		faults = []string{"The Password field is required."}
	}
	if confirmation != strings.TrimSpace(password) {
		faults = append(faults, "The Password and Confpassword must match.")
	}
	if faults != nil {
		return invalid(map[string][]string{"password": faults}, "password")
	}
	now := v.server.config.Clock()
	caller.Password = withoutMarkup(password)
	caller.ForcePasswordChange = false
	caller.passwordChangedAt, caller.updatedAt = now, now
	return jsonAnswer(http.StatusOK, map[string]string{"success": "ok"})
}

// withoutMarkup removes what the product takes for tags and placeholders. It
// does so silently, before it stores a password or the name of a token.
func withoutMarkup(text string) string {
	text = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(text, "")
	return strings.NewReplacer("{{", "", "}}", "").Replace(text)
}
