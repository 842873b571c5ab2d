// Package madelog writes audit logs and server's logs as Vault writes them, for tests and
// measurements: who does what, and when, is up to the caller.
package madelog

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Plugin is the type of the mounts of the engine.
const Plugin = "vault-plugin-secrets-processmaker"

// Log is the log of one audit device.
type Log struct {
	// Out takes the entries, and Server the lines of the server's log.
	Out, Server io.Writer
	// Salt is the device's.
	Salt string
	// Now is the time of the next entry.
	Now time.Time
	// Untuned: all texts are HMACs.
	Untuned bool
	// Mount is where the engine is.
	Mount string

	number, exchanges int
}

// New makes a log that begins at a time.
func New(out io.Writer, now time.Time) *Log {
	return &Log{Out: out, Server: io.Discard, Salt: "salt", Now: now, Mount: "processmaker"}
}

// Hash is the HMAC that this device writes for a text.
func (l *Log) Hash(text string) string {
	sum := hmac.New(sha256.New, []byte(l.Salt))
	sum.Write([]byte(text))
	return "hmac-sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// Token is a Vault token. Its holder sends Sent; Vault knows it as Inner.
type Token struct {
	Who, EntityID, Name   string
	Accessor, Sent, Inner string
	Kind, Address         string
}

// Credential is what a read hands out.
type Credential struct {
	ID, TokenID, LeaseID, Role, User, UserID string
	WrapToken, WrapAccessor                  string
}

// Exchange is a request with its answer.
type Exchange struct {
	By        Token
	Operation string
	Path      string
	// Data and Answer are fields; Clear are those that are written as they are.
	Data, Answer map[string]any
	Clear        []string
	LeaseID      string
	Wrap         *Credential
	// Made is a token that the answer brings.
	Made *Token
	// Error is what Vault itself says; Unanswered leaves out the answer.
	Error      string
	Unanswered bool
	Took       time.Duration
}

// TunedKeys are those of docs/audit.md.
var TunedKeys = []string{
	"credential_id", "token_id", "user_id", "username", "client_id", "role", "credential_type", "renew_mode", "error", "all", "ttl", "entity_id", "dry_run",
}

// Number counts what was made; ids are made of it.
func (l *Log) next() int {
	l.number++
	return l.number
}

// Login is somebody who logs in.
func (l *Log) Login(mount, name string) Token {
	n := l.next()
	token := Token{
		Who: mount + "-" + name, Name: name, EntityID: "entity-of-" + name, Kind: "service", Address: "10.0.0." + strconv.Itoa(n%250),
		Accessor: fmt.Sprintf("accessor%d", n), Sent: fmt.Sprintf("hvs.sent%d", n), Inner: fmt.Sprintf("hvs.inner%d", n),
	}
	l.Do(Exchange{By: Token{Address: token.Address}, Operation: "update", Path: "auth/" + mount + "/login/" + name, Data: map[string]any{"password": "x"}, Made: &token})
	return token
}

// ID is a credential_id with a deadline.
func (l *Log) ID(deadline time.Time) string {
	return fmt.Sprintf("%06s%016s", strconv.FormatInt(deadline.Unix()/60, 32), strconv.FormatInt(int64(l.next()), 32))
}

// Read is a read of a role by somebody.
func (l *Log) Read(by Token, role, user string, life time.Duration) Credential {
	c := l.made(role, user, life)
	l.Do(Exchange{By: by, Operation: "read", Path: l.Mount + "/creds/" + role, Answer: c.answer(), LeaseID: c.LeaseID, Clear: TunedKeys})
	return c
}

func (l *Log) made(role, user string, life time.Duration) Credential {
	id := l.ID(l.Now.Add(life + time.Minute))
	return Credential{
		ID: id, TokenID: strings.Repeat("0", 64) + id, LeaseID: l.Mount + "/creds/" + role + "/" + id[8:], Role: role, User: user, UserID: "7",
		WrapToken: "hvs.wrap" + id, WrapAccessor: "wrap" + id,
	}
}

func (c Credential) answer() map[string]any {
	return map[string]any{
		"access_token": "secret", "client_id": "3", "credential_id": c.ID, "credential_type": "access_token", "renew_mode": "refresh",
		"role": c.Role, "token_expire_time": "2027-03-01T00:00:00Z", "token_id": c.TokenID, "token_type": "Bearer", "user_id": c.UserID, "username": c.User,
	}
}

// ReadWrapped is a read whose answer is wrapped.
func (l *Log) ReadWrapped(by Token, role, user string, life time.Duration) Credential {
	c := l.made(role, user, life)
	l.Do(Exchange{By: by, Operation: "read", Path: l.Mount + "/creds/" + role, Wrap: &c})
	return c
}

// Unwrap takes the answer out: with a token of one's own, or with the wrapping token.
func (l *Log) Unwrap(by Token, c Credential) {
	e := Exchange{By: by, Operation: "update", Path: "sys/wrapping/unwrap", Answer: c.answer(), LeaseID: c.LeaseID}
	if by.Sent == "" {
		e.By = Token{Accessor: c.WrapAccessor, Sent: c.WrapToken, Inner: "inner-" + c.WrapToken, Kind: "service", Address: by.Address}
	} else {
		e.Data = map[string]any{"token": c.WrapToken}
	}
	l.Do(e)
}

// Renew is a renewal by refresh, which makes another token.
func (l *Log) Renew(by Token, c Credential, tokenID string) {
	c.TokenID = tokenID
	l.Do(Exchange{
		By: by, Operation: "update", Path: "sys/leases/renew", Data: map[string]any{"lease_id": c.LeaseID, "increment": "0"}, Answer: c.answer(), LeaseID: c.LeaseID,
	})
}

// Revoke asks for the end of a lease, and waits for it or not.
func (l *Log) Revoke(by Token, path string, sync bool) {
	e := Exchange{By: by, Operation: "update", Path: "sys/leases/" + path, Data: map[string]any{"sync": sync}}
	if !sync {
		e.Answer = map[string]any{"http_content_type": "application/json", "http_status_code": 202}
	}
	l.Do(e)
}

// Do writes the entries of an exchange. Time goes on by as long as it took.
func (l *Log) Do(e Exchange) {
	l.exchanges++
	id := fmt.Sprintf("00000000-0000-0000-0000-%012d", l.next())
	l.entry("request", id, e)
	if e.Took == 0 {
		e.Took = 5 * time.Millisecond
	}
	l.Now = l.Now.Add(e.Took)
	if !e.Unanswered {
		l.entry("response", id, e)
	}
	l.Now = l.Now.Add(time.Millisecond)
}

// Line writes a line of the server's log in JSON.
func (l *Log) Line(message string, fields map[string]any) {
	line := map[string]any{"@level": "info", "@message": message, "@module": "secrets." + Plugin, "@timestamp": l.Now.UTC().Format("2006-01-02T15:04:05.000000Z07:00")}
	for name, value := range fields {
		line[name] = value
	}
	write(l.Server, line)
}

// Ended writes the engine's line about an end.
func (l *Log) Ended(c Credential, by Token, reason string) {
	l.Line("credential ended", map[string]any{
		"mount": l.Mount + "/", "role": c.Role, "credential_id": c.ID, "token_id": c.TokenID, "reason": reason,
		"entity_id": by.EntityID, "display_name": by.Who,
	})
}

func write(out io.Writer, object any) {
	text, err := json.Marshal(object)
	if err == nil {
		_, err = out.Write(append(text, '\n'))
	}
	if err != nil {
		panic(err)
	}
}

// hashed writes the texts of fields as HMACs, but for those in clear.
func (l *Log) hashed(fields map[string]any, clear []string) map[string]any {
	if fields == nil {
		return nil
	}
	result := make(map[string]any, len(fields))
	for name, value := range fields {
		text, is := value.(string)
		if is && (l.Untuned || !slices.Contains(clear, name)) {
			value = l.Hash(text)
		}
		result[name] = value
	}
	return result
}
