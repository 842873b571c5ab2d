package trail

import (
	"container/heap"
	"strings"
	"time"
)

// The chains that a credential is in: those of one Vault token, and those of one path.
const (
	ofHolder = iota
	ofPath
	chains
)

// chain holds credentials; one leaves it without a walk.
type chain struct {
	kind  int
	first *Credential
}

func (l *chain) add(c *Credential) {
	c.next[l.kind] = l.first
	if l.first != nil {
		l.first.prev[l.kind] = c
	}
	l.first = c
}

func (l *chain) remove(c *Credential) {
	if c.prev[l.kind] != nil {
		c.prev[l.kind].next[l.kind] = c.next[l.kind]
	} else if l.first == c {
		l.first = c.next[l.kind]
	}
	if c.next[l.kind] != nil {
		c.next[l.kind].prev[l.kind] = c.prev[l.kind]
	}
	c.next[l.kind], c.prev[l.kind] = nil, nil
}

func (l *chain) each(do func(*Credential)) {
	for c := l.first; c != nil; {
		following := c.next[l.kind]
		do(c)
		c = following
	}
}

// holder is a Vault token that holds live credentials. Its keys are its accessor and the forms in
// which logs write the token, of each audit device its own.
type holder struct {
	chain
	keys []string
}

// index finds the live credentials.
type index struct {
	ids       map[string]*Credential
	leases    map[string]*Credential
	hashes    map[string]*Credential // by the HMAC of the lease id
	wraps     map[string]*Credential // by the wrapping token and its accessor
	requests  map[string]*Credential // by the request that read it, for a while
	holders   map[string]*holder
	paths     map[string]*chain // by where leases of a role lie
	hidden    map[string][]*Credential
	evictions evictions
}

func newIndex() *index {
	return &index{
		ids: map[string]*Credential{}, leases: map[string]*Credential{}, hashes: map[string]*Credential{},
		wraps: map[string]*Credential{}, requests: map[string]*Credential{}, holders: map[string]*holder{},
		paths: map[string]*chain{}, hidden: map[string][]*Credential{},
	}
}

// add takes in a credential that is alive.
func (x *index) add(c *Credential) {
	if known(c.ID) {
		x.ids[c.ID] = c
	}
	if c.LeaseID != "" {
		x.leases[c.LeaseID] = c
	}
	c.path = pathOf(c)
	if x.paths[c.path] == nil {
		x.paths[c.path] = &chain{kind: ofPath}
	}
	x.paths[c.path].add(c)
	x.evict(c)
}

func pathOf(c *Credential) string {
	if c.Shared {
		return c.Mount + "/static-creds/" + c.Role
	}
	return c.Mount + "/creds/" + c.Role
}

// longestLife is the longest lease of a Vault server that nobody has configured otherwise.
const longestLife = 768 * time.Hour

// evict plans when a credential is over without a line that says so.
func (x *index) evict(c *Credential) {
	c.evictAt = c.Deadline.Add(afterDeadline)
	if c.Deadline.IsZero() {
		c.evictAt = c.Read.Add(longestLife)
	}
	x.reorder(c)
}

// reorder puts a credential where its eviction belongs.
func (x *index) reorder(c *Credential) {
	if c.slot >= 0 && c.slot < len(x.evictions) && x.evictions[c.slot] == c {
		heap.Fix(&x.evictions, c.slot)
	} else {
		heap.Push(&x.evictions, c)
	}
}

// hold puts a credential under the Vault token that read it.
func (x *index) hold(c *Credential, keys ...string) {
	h := c.holder
	for _, key := range keys {
		if h == nil && key != "" {
			h = x.holders[key]
		}
	}
	if h == nil {
		h = &holder{chain: chain{kind: ofHolder}}
	}
	for _, key := range keys {
		if key != "" && x.holders[key] == nil {
			x.holders[key] = h
			h.keys = append(h.keys, key)
		}
	}
	if c.holder == nil {
		c.holder = h
		h.add(c)
	}
}

// remove forgets a credential.
func (x *index) remove(c *Credential) {
	c.gone = true
	if c.slot >= 0 && c.slot < len(x.evictions) && x.evictions[c.slot] == c {
		heap.Remove(&x.evictions, c.slot)
	}
	if x.ids[c.ID] == c {
		delete(x.ids, c.ID)
	}
	for _, id := range c.aliases {
		delete(x.ids, id)
	}
	if x.leases[c.LeaseID] == c {
		delete(x.leases, c.LeaseID)
	}
	delete(x.hashes, c.leaseHash)
	for _, key := range c.wrapKeys {
		delete(x.wraps, key)
	}
	x.uncover(c)
	if chain := x.paths[c.path]; chain != nil {
		chain.remove(c)
	}
	if h := c.holder; h != nil {
		h.remove(c)
		if h.first == nil {
			for _, key := range h.keys {
				delete(x.holders, key)
			}
		}
		c.holder = nil
	}
}

// hiddenKey is what the log says of a wrapped read: whose it is and for which role.
func hiddenKey(mount, role, entityID, who string) string {
	return strings.Join([]string{mount, role, entityID, who}, "\x00")
}

func (c *Credential) hiddenKey() string {
	return hiddenKey(c.Mount, c.Role, c.Reader.EntityID, c.Reader.Who)
}

// hide remembers a wrapped read whose credential_id is not known.
func (x *index) hide(c *Credential) {
	key := c.hiddenKey()
	x.hidden[key] = append(x.hidden[key], c)
}

// uncover forgets that the credential_id is not known.
func (x *index) uncover(c *Credential) {
	if !c.Wrapped {
		return
	}
	key := c.hiddenKey()
	left := x.hidden[key]
	for i, other := range left {
		if other == c {
			left = append(left[:i], left[i+1:]...)
			break
		}
	}
	if len(left) == 0 {
		delete(x.hidden, key)
	} else {
		x.hidden[key] = left
	}
}

// below calls do with each credential whose lease is under a prefix of a namespace: under it as a
// path, and not under another that begins alike.
func (x *index) below(namespace, prefix string, do func(*Credential)) {
	lease := strings.TrimSuffix(prefix, "/")
	if c := x.leases[lease]; c != nil {
		do(c)
	}
	prefix = namespace + lease
	for path, chain := range x.paths {
		if strings.Contains(path, "/static-creds/") {
			continue // it has no lease
		}
		switch {
		case path == prefix || strings.HasPrefix(path, prefix+"/"):
			chain.each(do)
		case strings.HasPrefix(prefix, path+"/"):
			chain.each(func(c *Credential) {
				if strings.HasPrefix(c.LeaseID, lease+"/") {
					do(c)
				}
			})
		}
	}
}

// evictions is a heap of the live credentials by when they are over. Each knows its place, so that one
// that ends earlier leaves at once.
type evictions []*Credential

func (e evictions) Len() int           { return len(e) }
func (e evictions) Less(i, j int) bool { return e[i].evictAt.Before(e[j].evictAt) }
func (e evictions) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].slot, e[j].slot = i, j
}
func (e *evictions) Push(one any) {
	c := one.(*Credential)
	c.slot = len(*e)
	*e = append(*e, c)
}
func (e *evictions) Pop() any {
	last := (*e)[len(*e)-1]
	(*e)[len(*e)-1] = nil
	*e = (*e)[:len(*e)-1]
	last.slot = -1
	return last
}
