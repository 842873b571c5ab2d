package client

import "maps"

const (
	// keptPart of the limit is kept for sessions and renewals.
	keptPart = 10
	// newcomersPart of the limit is for roles that have made no call lately, so
	// that none finds all calls taken when it comes.
	newcomersPart = 20
)

// purse pays for calls.
type purse int

const (
	sharedPurse purse = iota
	keptPurse
)

// tally shares the calls of a window out. Each role that asks for any may have an
// equal share of them, and beyond its share only calls that no other role is
// entitled to.
type tally struct {
	// limit is that of the settings; 0 means none.
	limit int
	// shared and kept are the calls made from each purse.
	shared, kept int
	// byRole are the calls from the shared purse of each role that asked lately.
	byRole map[string]int
}

func (t *tally) clone() tally {
	copied := *t
	copied.byRole = maps.Clone(t.byRole)
	return copied
}

func (t *tally) know(role string) {
	if _, known := t.byRole[role]; !known {
		t.byRole[role] = 0
	}
}

// forget is false for a role that has made calls.
func (t *tally) forget(role string) bool {
	if t.byRole[role] > 0 {
		return false
	}
	delete(t.byRole, role)
	return true
}

// take pays for a call of caller.
func (t *tally) take(caller Caller) (purse, bool) {
	switch {
	case t.sharedRoom(caller.Role) > 0:
		t.shared++
		t.byRole[caller.Role]++
		return sharedPurse, true
	case caller.Kept && t.keptFree() > 0:
		t.kept++
		return keptPurse, true
	default:
		return 0, false
	}
}

func (t *tally) giveBack(call *spentCall) {
	if call.purse == keptPurse {
		t.kept--
		return
	}
	t.shared--
	t.byRole[call.role]--
}

// free is how many calls caller's purses hold for all roles together.
func (t *tally) free(caller Caller) int {
	if caller.Kept {
		return t.sharedFree() + t.keptFree()
	}
	return t.sharedFree()
}

func (t *tally) sharedFree() int { return max(t.limit-t.limit/keptPart-t.shared, 0) }

func (t *tally) keptFree() int { return max(t.limit/keptPart-t.kept, 0) }

// room is how many calls caller could make now.
func (t *tally) room(caller Caller) int {
	room := t.sharedRoom(caller.Role)
	if caller.Kept {
		room += t.keptFree()
	}
	return room
}

func (t *tally) sharedRoom(role string) int {
	free := t.sharedFree()
	if free == 0 {
		return 0
	}
	newcomers := t.limit / newcomersPart
	share := max((t.limit-t.limit/keptPart-newcomers)/max(len(t.byRole), 1), 1)
	made := t.byRole[role]
	room := min(share-made, free-newcomers)
	beyond := free - newcomers
	for other, calls := range t.byRole {
		if beyond <= room {
			break
		}
		if other != role {
			beyond -= max(share-calls, 0)
		}
	}
	room = max(room, beyond, 0)
	if made == 0 {
		room = max(room, 1)
	}
	return room
}
