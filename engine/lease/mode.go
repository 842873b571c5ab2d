package lease

import "slices"

// Mode says what renewing a lease does to its token. Its values stand in stored
// roles, records and leases.
type Mode string

const (
	// Refresh trades the token for a new one; the old one dies.
	Refresh Mode = "refresh"
	// Extend keeps the token and lengthens the lease.
	Extend Mode = "extend"
	// None makes leases that cannot be renewed.
	None Mode = "none"
)

// byRotation are the modes, the one that rotates least first.
var byRotation = []Mode{None, Extend, Refresh}

// Allows tells whether a reader of a role with mode m may ask for another mode.
// Only less rotation can be asked for: it takes nothing from anybody, while
// more would kill tokens that the role's owner means to last.
func (m Mode) Allows(asked Mode) bool {
	return slices.Index(byRotation, asked) <= slices.Index(byRotation, m)
}
