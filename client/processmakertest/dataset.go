package processmakertest

import "time"

// startUsers are the accounts that every server has from the start: one of each
// state an account can be in.
func startUsers() []User {
	return []User{
		{ID: 1, Username: "admin", Password: "admin", FirstName: "Admin", LastName: "User", Administrator: true},
		{ID: 2, Username: "alice", Password: "alice-Passw0rd!", FirstName: "Alice", LastName: "Doe"},
		{ID: 3, Username: "inactive", Password: "inactive-Passw0rd!", FirstName: "In", LastName: "Active", Status: "INACTIVE"},
		{ID: 4, Username: "blocked", Password: "blocked-Passw0rd!", FirstName: "Blo", LastName: "Cked", Status: "BLOCKED"},
		{ID: 5, Username: "pastexpiry", Password: "pastexpiry-Passw0rd!", FirstName: "Past", LastName: "Expiry",
			ExpiresAt: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)},
		{ID: 6, Username: "forcechange", Password: "forcechange-Passw0rd!", FirstName: "Force", LastName: "Change", ForcePasswordChange: true},
		{ID: 7, Username: "deleted", Password: "deleted-Passw0rd!", FirstName: "De", LastName: "Leted", Deleted: true},
	}
}

// startClients are the auth clients that every server has from the start.
// Their secrets come from the seed.
func startClients() []Client {
	const localhost = "http://localhost"
	return []Client{
		{ID: 1, Name: "PmApi", Redirect: localhost, PersonalAccess: true},
		{ID: 2, Name: "Authorization Code", Redirect: "http://127.0.0.1:8250/oauth/callback", AuthorizationCode: true},
		{ID: 3, Name: "Password Grant", Redirect: localhost, Password: true},
		{ID: 4, Name: "Second Password Grant", Redirect: localhost, Password: true},
		{ID: 5, Name: "No Grants"},
		{ID: 6, Name: "Revoked Password Grant", Redirect: localhost, Password: true, Revoked: true},
	}
}
