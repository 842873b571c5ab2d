// Package logfile reads the audit logs of Vault and the logs of its server: files in any order,
// rotated, compressed or not, as one sequence of records in the order of time.
package logfile

import (
	"encoding/json"
	"strings"
	"time"
)

// Record is one line: an entry of an audit log, or a line of a server's log.
type Record struct {
	Time  time.Time
	Entry *Entry
	Line  *ServerLine
}

// Entry is what is used of an entry of an audit log. Vault leaves out what is empty, so that any
// part of it may be missing.
type Entry struct {
	Time     string   `json:"time"`
	Type     string   `json:"type"`
	Error    string   `json:"error"`
	Auth     Auth     `json:"auth"`
	Request  Request  `json:"request"`
	Response Response `json:"response"`
}

// Auth says who asked, or of a login who came in.
type Auth struct {
	Accessor    string          `json:"accessor"`
	ClientToken string          `json:"client_token"`
	DisplayName string          `json:"display_name"`
	EntityID    string          `json:"entity_id"`
	Metadata    json.RawMessage `json:"metadata"`
	TokenTTL    float64         `json:"token_ttl"`
	TokenType   string          `json:"token_type"`
}

// Request is what was asked.
type Request struct {
	ID            string    `json:"id"`
	Operation     string    `json:"operation"`
	Path          string    `json:"path"`
	Data          Data      `json:"data"`
	ClientToken   string    `json:"client_token"`
	Accessor      string    `json:"client_token_accessor"`
	MountPoint    string    `json:"mount_point"`
	MountType     string    `json:"mount_type"`
	Namespace     Namespace `json:"namespace"`
	RemoteAddress string    `json:"remote_address"`
}

// Namespace is one of Vault Enterprise; its path is empty for the root.
type Namespace struct {
	Path string `json:"path"`
}

// Response is what was answered.
type Response struct {
	Auth     Auth     `json:"auth"`
	Data     Data     `json:"data"`
	Secret   Secret   `json:"secret"`
	WrapInfo WrapInfo `json:"wrap_info"`
}

// Secret is a lease.
type Secret struct {
	LeaseID string `json:"lease_id"`
}

// WrapInfo tells of an answer that was wrapped.
type WrapInfo struct {
	Accessor string `json:"accessor"`
	Token    string `json:"token"`
}

// Data holds the fields of a request or an answer, which are looked at only where they matter:
// the answer of path-help is larger than a thousand others.
type Data struct{ raw json.RawMessage }

// UnmarshalJSON keeps the text.
func (d *Data) UnmarshalJSON(text []byte) error {
	d.raw = append(d.raw[:0], text...)
	return nil
}

// Fields takes the fields apart. What is no object has none.
func (d Data) Fields() Fields {
	if len(d.raw) == 0 || d.raw[0] != '{' {
		return nil
	}
	var fields Fields
	if json.Unmarshal(d.raw, &fields) != nil {
		return nil
	}
	return fields
}

// Fields are values by their names.
type Fields map[string]json.RawMessage

// Text is a value that is a text; of a number, true or false it is how they are written.
func (f Fields) Text(name string) string {
	raw := f[name]
	if len(raw) == 0 || string(raw) == "null" || raw[0] == '{' || raw[0] == '[' {
		return ""
	}
	if raw[0] != '"' {
		return string(raw)
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

// Number is a value that is a whole number, and whether it is one.
func (f Fields) Number(name string) (number int64, is bool) {
	is = json.Unmarshal(f[name], &number) == nil && len(f[name]) > 0
	return number, is
}

const hashPrefix = "hmac-sha256:"

// IsHash tells whether a value is the HMAC that Vault writes for a text.
func IsHash(value string) bool { return strings.HasPrefix(value, hashPrefix) }

// Failed is why the request failed; empty where it did not.
func (e *Entry) Failed() string {
	if e.Error != "" {
		return strings.TrimSpace(e.Error)
	}
	return strings.TrimSpace(e.Response.Data.Fields().Text("error"))
}

// IsResponse tells whether it is the entry of an answer.
func (e *Entry) IsResponse() bool { return e.Type == "response" }
