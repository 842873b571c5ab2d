package main

// renewMode says what renewing a lease does to its token.
type renewMode string

const (
	// renewByRefresh trades the token for a new one; the old one dies.
	renewByRefresh renewMode = "refresh"
	// renewByExtending keeps the token and lengthens the lease.
	renewByExtending renewMode = "extend"
	// renewNever makes leases that cannot be renewed.
	renewNever renewMode = "none"
)

// rotation orders the modes by how much they rotate.
func (m renewMode) rotation() int {
	switch m {
	case renewByRefresh:
		return 2
	case renewByExtending:
		return 1
	default:
		return 0
	}
}

// allows tells whether a reader of a role with mode m may ask for another mode.
// Only less rotation can be asked for: it takes nothing from anybody, while
// more would kill tokens that the role's owner means to last.
func (m renewMode) allows(asked renewMode) bool {
	return asked.rotation() <= m.rotation()
}
