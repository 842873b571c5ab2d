package processmakertest

import (
	"slices"
	"strings"
	"time"
)

// User is an account. INACTIVE and BLOCKED in Status, an ExpiresAt in the past
// and ForcePasswordChange keep people from the web login only: the token
// endpoint and the API do not look at them.
type User struct {
	ID                  int64
	Username            string
	Password            string
	FirstName, LastName string
	Email               string
	Status              string
	Administrator       bool
	Permissions         []string
	Deleted             bool
	ExpiresAt           time.Time
	ForcePasswordChange bool
}

// userRow is a user with what only the server knows.
type userRow struct {
	User
	createdAt         time.Time
	updatedAt         time.Time
	passwordChangedAt time.Time
}

// may says whether the user has a permission. Administrators have all.
func (u *userRow) may(permission string) bool {
	return u.Administrator || slices.Contains(u.Permissions, permission)
}

// maySee and mayEdit are the product's policies: everyone is allowed everything
// with the own account.
func (u *userRow) maySee(target *userRow) bool { return u.ID == target.ID || u.may("view-users") }

func (u *userRow) mayEdit(target *userRow) bool { return u.ID == target.ID || u.may("edit-users") }

// sameUsername compares as the database does: without case, without the blanks around.
func sameUsername(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

// acceptsPassword is false for an account without a password, as those of a
// single sign-on are, whatever is presented.
func (u *userRow) acceptsPassword(password string) bool {
	return u.Password != "" && u.Password == password
}
