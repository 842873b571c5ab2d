package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"vault-plugin-secrets-processmaker/scripts/audit/logfile"
	"vault-plugin-secrets-processmaker/scripts/audit/trail"
)

// person is who did something, in JSON.
type person struct {
	Who      string          `json:"who,omitempty"`
	EntityID string          `json:"entity_id,omitempty"`
	Address  string          `json:"address,omitempty"`
	Accessor string          `json:"accessor,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

func personOf(p trail.Party) person {
	return person{p.Who, p.EntityID, p.Address, p.Accessor, json.RawMessage(p.Metadata)}
}

func optional(p *trail.Party) *person {
	if p == nil {
		return nil
	}
	one := personOf(*p)
	return &one
}

// credential is one in JSON. Times are of UTC; a value that is an HMAC in the log is one here.
type credential struct {
	Read time.Time `json:"read,omitzero"`
	person
	Mount        string    `json:"mount"`
	Role         string    `json:"role"`
	Username     string    `json:"username,omitempty"`
	UserID       string    `json:"user_id,omitempty"`
	UserUnknown  bool      `json:"user_unknown,omitempty"`
	LikelyUser   string    `json:"likely_user,omitempty"`
	CredentialID string    `json:"credential_id,omitempty"`
	TokenID      string    `json:"token_id,omitempty"`
	LastTokenID  string    `json:"last_token_id,omitempty"`
	LeaseID      string    `json:"lease_id,omitempty"`
	Shared       bool      `json:"shared,omitempty"`
	Others       []person  `json:"other_readers,omitempty"`
	Wrapped      bool      `json:"wrapped,omitempty"`
	Unwrapped    time.Time `json:"unwrapped,omitzero"`
	Unwrapper    *person   `json:"unwrapped_by,omitempty"`
	Renewals     int       `json:"renewals,omitempty"`
	Renewed      time.Time `json:"renewed,omitzero"`
	Stranger     *person   `json:"renewed_by_another,omitempty"`
	Asked        time.Time `json:"asked,omitzero"`
	AskedBy      *person   `json:"asked_by,omitempty"`
	AskedHow     string    `json:"asked_how,omitempty"`
	Refused      string    `json:"end_refused,omitempty"`
	State        string    `json:"state"`
	Ended        time.Time `json:"ended,omitzero"`
	Reason       string    `json:"end_reason,omitempty"`
	KnownBy      string    `json:"known_by,omitempty"`
	Deadline     time.Time `json:"deadline,omitzero"`
}

// The states of a credential at the end of the logs.
const (
	ended   = "ended"
	over    = "over"     // no line tells of its end, and its deadline has passed
	mayLive = "may live" // no line tells of its end
)

func credentialOf(c *trail.Credential, now time.Time) credential {
	row := credential{
		Read: c.Read.UTC(), person: personOf(c.Reader), Mount: c.Mount, Role: c.Role,
		Username: c.Username, UserID: c.UserID, UserUnknown: c.UserUnknown, LikelyUser: c.LikelyUser,
		CredentialID: c.ID, TokenID: c.TokenID, LastTokenID: c.LastTokenID, LeaseID: c.LeaseID, Shared: c.Shared,
		Wrapped: c.Wrapped, Unwrapped: c.Unwrapped.UTC(), Unwrapper: optional(c.Unwrapper),
		Renewals: c.Renewals, Renewed: c.Renewed.UTC(), Stranger: optional(c.Stranger), Deadline: c.Deadline, State: mayLive,
	}
	for _, other := range c.Others {
		row.Others = append(row.Others, personOf(other))
	}
	if c.Ask != nil {
		row.Asked, row.AskedBy, row.AskedHow = c.Ask.Time.UTC(), optional(&c.Ask.By), c.Ask.How
	}
	if c.Refused != nil {
		row.Refused = c.Refused.How + ": " + c.Refused.Failure
	}
	switch {
	case c.End != nil:
		row.State, row.Ended, row.Reason, row.KnownBy = ended, c.End.Time.UTC(), c.End.Reason, c.End.Source
	case !c.Deadline.IsZero() && now.After(c.Deadline):
		row.State, row.KnownBy = over, "deadline"
	}
	return row
}

// end is the cell of an end.
func (c *credential) end() string {
	switch c.State {
	case ended:
		return clock(c.Ended) + " (" + c.Reason + ", " + c.KnownBy + ")"
	case over:
		return "by " + clock(c.Deadline) + " (its deadline)"
	}
	if c.Deadline.IsZero() {
		return mayLive
	}
	return mayLive + " until " + clock(c.Deadline)
}

func (c *credential) ask() string {
	switch {
	case c.AskedBy != nil:
		return clock(c.Asked) + " by " + nameOf(*c.AskedBy)
	case c.Refused != "":
		return "refused: " + short(c.Refused)
	}
	return ""
}

// holders is the cell of who had it.
func (c *credential) holders() string {
	text := nameOf(c.person)
	switch {
	case c.Unwrapper != nil:
		text += ", unwrapped by " + nameOf(*c.Unwrapper)
	case c.Wrapped:
		text += ", not unwrapped"
	case len(c.Others) > 0:
		text += fmt.Sprintf(" and %d more", len(c.Others))
	}
	return text
}

func (c *credential) user() string {
	if c.LikelyUser != "" {
		return c.LikelyUser + "?"
	}
	if c.UserUnknown {
		return "unknown"
	}
	return hashOr(cmp.Or(c.Username, c.UserID))
}

// nameOf names a person; one without a name and an entity is known by the address alone. Logins of
// some kinds all have one display name, and tell in their metadata who they are.
func nameOf(p person) string {
	name := cmp.Or(p.Who, "somebody")
	var metadata map[string]string
	if json.Unmarshal(p.Metadata, &metadata) == nil {
		more := cmp.Or(metadata["role_name"], metadata["service_account_name"], metadata["username"], metadata["role"])
		if more != "" && !strings.Contains(name, more) {
			name += " " + more
		}
	}
	if p.Address != "" {
		name += " at " + p.Address
	}
	return name
}

const (
	clockFormat = "2006-01-02 15:04:05Z"
	shortened   = 60
)

func clock(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(clockFormat)
}

func hashOr(value string) string {
	if logfile.IsHash(value) {
		return "(HMAC)"
	}
	return value
}

func short(text string) string {
	if runes := []rune(text); len(runes) > shortened {
		return string(runes[:shortened-1]) + "…"
	}
	return text
}

func who(_ *query, t *trail.Trail, out rows) {
	out.columns("READ", "READER", "ROLE", "USER", "CREDENTIAL", "END ASKED FOR", "ENDED")
	t.Credential = func(c *trail.Credential) {
		r := credentialOf(c, t.Now())
		out.add(row{c.Began(), []string{clock(r.Read), r.holders(), r.Role, r.user(), hashOr(r.CredentialID), r.ask(), r.end()}, r})
	}
}

func outlived(_ *query, t *trail.Trail, out rows) {
	out.columns("READ", "READER", "ACCESSOR", "ROLE", "USER", "CREDENTIAL", "RENEWED", "ENDED")
	t.DropAsked = true
	t.Credential = func(c *trail.Credential) {
		if c.Ask != nil || c.Shared || c.Read.IsZero() || (c.End != nil && c.End.Reason == "operator") {
			return
		}
		r := credentialOf(c, t.Now())
		cells := []string{clock(r.Read), r.holders(), r.Accessor, r.Role, r.user(), hashOr(r.CredentialID), clock(r.Renewed), r.end()}
		out.add(row{c.Read, cells, r})
	}
}

func failed(_ *query, t *trail.Trail, out rows) {
	out.columns("TIME", "WHO", "ROLE", "WHY")
	type object struct {
		Time time.Time `json:"time"`
		person
		Path string `json:"path"`
		Role string `json:"role"`
		Why  string `json:"why"`
	}
	t.Failure = func(f trail.Failure) {
		p := personOf(f.By)
		out.add(row{f.Time, []string{clock(f.Time), nameOf(p), f.Role, hashOr(f.Why)}, object{f.Time.UTC(), p, f.Path, f.Role, f.Why}})
	}
}

func changes(_ *query, t *trail.Trail, out rows) {
	out.columns("TIME", "WHO", "OPERATION", "PATH", "FIELDS")
	type object struct {
		Time time.Time `json:"time"`
		person
		Operation string   `json:"operation"`
		Path      string   `json:"path"`
		Fields    []string `json:"fields,omitempty"`
	}
	t.Change = func(c trail.Change) {
		p := personOf(c.By)
		cells := []string{clock(c.Time), nameOf(p), c.Operation, c.Path, strings.Join(c.Fields, ", ")}
		out.add(row{c.Time, cells, object{c.Time.UTC(), p, c.Operation, c.Path, c.Fields}})
	}
}

func history(_ *query, t *trail.Trail, out rows) {
	out.columns("TIME", "WHAT", "WHO", "DETAIL")
	type object struct {
		Time time.Time `json:"time"`
		What string    `json:"what"`
		person
		Detail string `json:"detail,omitempty"`
	}
	t.KeepEvents = true
	t.Credential = func(c *trail.Credential) {
		for _, e := range c.Events {
			p := personOf(e.By)
			by := ""
			if e.By != (trail.Party{}) {
				by = nameOf(p)
			}
			out.add(row{e.Time, []string{clock(e.Time), e.What, by, e.Detail}, object{e.Time.UTC(), e.What, p, e.Detail}})
		}
		if c.End == nil {
			r := credentialOf(c, t.Now())
			out.add(row{t.Now(), []string{clock(t.Now()), "end of the logs", "", r.end()}, object{Time: t.Now().UTC(), What: "end of the logs", Detail: r.end()}})
		}
	}
}
