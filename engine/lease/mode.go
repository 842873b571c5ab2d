package lease

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

// rotation orders the modes by how much they rotate.
func (m Mode) rotation() int {
	switch m {
	case Refresh:
		return 2
	case Extend:
		return 1
	default:
		return 0
	}
}

// Allows tells whether a reader of a role with mode m may ask for another mode.
// Only less rotation can be asked for: it takes nothing from anybody, while
// more would kill tokens that the role's owner means to last.
func (m Mode) Allows(asked Mode) bool {
	return asked.rotation() <= m.rotation()
}
