package processmakertest

// DatabaseAway is a product whose database cannot be reached. What needs it
// answers with a server error: logins and all other grants of a client, the
// sign-in pages, and the API for every bearer token that is the server's. What
// does not need it answers as always: an unknown grant, a token that is none,
// a wrong method. ServerError is the simpler fault, which answers nothing else.
func DatabaseAway() Effect {
	return Effect{run: func(v *visit) delivery {
		v.databaseAway = true
		return delivery{answer: v.process()}
	}}
}

// missesDatabase says whether the API fails to look a bearer token up. A token
// that the server did not sign is refused before.
func (v *visit) missesDatabase() bool {
	_, signed := v.server.data.tokenID(bearerToken(v.request.Header))
	return v.databaseAway && signed
}
