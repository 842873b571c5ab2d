package logfile

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ServerLine is what is used of a line of the server's log. Vault writes its own lines and those of
// its plugins, in JSON (log_format) or as text.
type ServerLine struct {
	Time    string `json:"@timestamp"`
	Message string `json:"@message"`
	// Vault's own: a lease that has ended.
	LeaseID string `json:"lease_id"`
	// The engine's.
	Mount        string `json:"mount"`
	Role         string `json:"role"`
	CredentialID string `json:"credential_id"`
	TokenID      string `json:"token_id"`
	EntityID     string `json:"entity_id"`
	DisplayName  string `json:"display_name"`
	Reason       string `json:"reason"`
	IssueTime    string `json:"issue_time"`
	DueAs        string `json:"due_as"`
}

// Issued is when the credential was issued; zero where the line does not say.
func (l *ServerLine) Issued() time.Time {
	issued, _ := time.Parse(time.RFC3339Nano, l.IssueTime)
	return issued
}

// textLine is a line of the server's log as text: time, level, module, and the rest.
var textLine = regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\S+) +\[[A-Z]+\] +(?:[^\s:]+: )?(.*)$`)

// textField is where the fields of such a line begin, and each of them.
var textField = regexp.MustCompile(`[: ] ?([a-zA-Z_]+)=("(?:[^"\\]|\\.)*"|\S*)`)

// parseText reads a line of the server's log as text; nil where it is none.
func parseText(line string) *ServerLine {
	parts := textLine.FindStringSubmatch(line)
	if parts == nil {
		return nil
	}
	parsed := &ServerLine{Time: zoned(parts[1]), Message: parts[2]}
	matches := textField.FindAllStringSubmatchIndex(parts[2], -1)
	if len(matches) == 0 {
		return parsed
	}
	parsed.Message = parts[2][:matches[0][0]]
	for _, at := range matches {
		value := parts[2][at[4]:at[5]]
		if unquoted, err := strconv.Unquote(value); err == nil {
			value = unquoted
		}
		parsed.set(parts[2][at[2]:at[3]], value)
	}
	return parsed
}

func (l *ServerLine) set(name, value string) {
	switch name {
	case "lease_id":
		l.LeaseID = value
	case "mount":
		l.Mount = value
	case "role":
		l.Role = value
	case "credential_id":
		l.CredentialID = value
	case "token_id":
		l.TokenID = value
	case "entity_id":
		l.EntityID = value
	case "display_name":
		l.DisplayName = value
	case "reason":
		l.Reason = value
	case "issue_time":
		l.IssueTime = value
	case "due_as":
		l.DueAs = value
	}
}

// zoned puts a colon into a zone of hclog's text format that has none.
func zoned(at string) string {
	if n := len(at); n > 5 && strings.ContainsAny(at[n-5:n-4], "+-") {
		return at[:n-2] + ":" + at[n-2:]
	}
	return at
}
