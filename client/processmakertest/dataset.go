package processmakertest

import "time"

// startData is what differs between the data sets of two worlds.
type startData struct {
	// specialFrom is the number of the first user after alice. Under Passport 13
	// no user but alice has the number of a client.
	specialFrom int64
	// redirect is what clients have that never redirect.
	redirect string
	// owner is the user whom the clients 1 and 2 belong to. Under Passport 13 the
	// first has one, as after the product's upgrade script; the second has one,
	// as alice has its number.
	owner int64
}

// users are the accounts that every server has from the start: one of each
// state an account can be in.
func (s startData) users() []User {
	users := []User{
		{ID: 1, Username: "admin", Password: "admin", FirstName: "Admin", LastName: "User", Administrator: true},
		{ID: 2, Username: "alice", Password: "alice-Passw0rd!", FirstName: "Alice", LastName: "Doe"},
		{Username: "inactive", Password: "inactive-Passw0rd!", FirstName: "In", LastName: "Active", Status: "INACTIVE"},
		{Username: "blocked", Password: "blocked-Passw0rd!", FirstName: "Blo", LastName: "Cked", Status: "BLOCKED"},
		{Username: "pastexpiry", Password: "pastexpiry-Passw0rd!", FirstName: "Past", LastName: "Expiry",
			ExpiresAt: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)},
		{Username: "forcechange", Password: "forcechange-Passw0rd!", FirstName: "Force", LastName: "Change", ForcePasswordChange: true},
		{Username: "deleted", Password: "deleted-Passw0rd!", FirstName: "De", LastName: "Leted", Deleted: true},
	}
	for i := range users[2:] {
		users[2+i].ID = s.specialFrom + int64(i)
	}
	return users
}

// clients are the auth clients that every server has from the start. Their
// secrets come from the seed.
func (s startData) clients() []Client {
	return []Client{
		{ID: 1, Name: "PmApi", Redirect: s.redirect, PersonalAccess: true, OwnerID: s.owner},
		{ID: 2, Name: "Authorization Code", Redirect: "http://127.0.0.1:8250/oauth/callback", AuthorizationCode: true, OwnerID: s.owner},
		{ID: 3, Name: "Password Grant", Redirect: s.redirect, Password: true},
		{ID: 4, Name: "Second Password Grant", Redirect: s.redirect, Password: true},
		{ID: 5, Name: "No Grants"},
		{ID: 6, Name: "Revoked Password Grant", Redirect: s.redirect, Password: true, Revoked: true},
	}
}
