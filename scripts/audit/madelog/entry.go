package madelog

import (
	"strings"
	"time"
)

// The form of an entry, with its fields in Vault's order and everything that it carries.
type entry struct {
	Auth     *auth     `json:"auth,omitempty"`
	Error    string    `json:"error,omitempty"`
	Request  *request  `json:"request,omitempty"`
	Response *response `json:"response,omitempty"`
	Time     string    `json:"time,omitempty"`
	Type     string    `json:"type,omitempty"`
}

type auth struct {
	Accessor      string            `json:"accessor,omitempty"`
	ClientToken   string            `json:"client_token,omitempty"`
	DisplayName   string            `json:"display_name,omitempty"`
	EntityID      string            `json:"entity_id,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	Policies      []string          `json:"policies,omitempty"`
	PolicyResults any               `json:"policy_results,omitempty"`
	TokenPolicies []string          `json:"token_policies,omitempty"`
	IssueTime     string            `json:"token_issue_time,omitempty"`
	TokenTTL      int               `json:"token_ttl,omitempty"`
	TokenType     string            `json:"token_type,omitempty"`
}

type mount struct {
	Accessor string `json:"mount_accessor,omitempty"`
	Class    string `json:"mount_class,omitempty"`
	External bool   `json:"mount_is_external_plugin,omitempty"`
	Point    string `json:"mount_point,omitempty"`
	Sha256   string `json:"mount_running_sha256,omitempty"`
	Type     string `json:"mount_type,omitempty"`
}

type request struct {
	ClientID    string              `json:"client_id,omitempty"`
	ClientToken string              `json:"client_token,omitempty"`
	Accessor    string              `json:"client_token_accessor,omitempty"`
	Data        map[string]any      `json:"data,omitempty"`
	Headers     map[string][]string `json:"headers,omitempty"`
	ID          string              `json:"id,omitempty"`
	mount
	Namespace map[string]string `json:"namespace,omitempty"`
	Operation string            `json:"operation,omitempty"`
	Path      string            `json:"path,omitempty"`
	Address   string            `json:"remote_address,omitempty"`
	Port      int               `json:"remote_port,omitempty"`
	WrapTTL   int               `json:"wrap_ttl,omitempty"`
}

type response struct {
	Auth *auth          `json:"auth,omitempty"`
	Data map[string]any `json:"data,omitempty"`
	mount
	Secret map[string]string `json:"secret,omitempty"`
	Wrap   map[string]any    `json:"wrap_info,omitempty"`
}

var allowed = map[string]any{"allowed": true, "granting_policies": []map[string]string{{"type": ""}, {"name": "reader", "namespace_id": "root", "type": "acl"}}}

func (l *Log) entry(kind, id string, e Exchange) {
	place := l.mountOf(e.Path)
	made := entry{
		Auth: l.auth(e.By), Error: e.Error, Type: kind, Time: l.Now.UTC().Format(time.RFC3339Nano),
		Request: &request{
			ClientID: e.By.EntityID, ClientToken: l.hashOf(e.By.Inner), Accessor: l.hashOf(e.By.Accessor),
			Data: l.hashed(e.Data, e.Clear), Headers: map[string][]string{"user-agent": {"Go-http-client/1.1"}}, ID: id, mount: place,
			Namespace: map[string]string{"id": "root"}, Operation: e.Operation, Path: e.Path, Address: e.By.Address, Port: 40000,
		},
	}
	if e.Wrap != nil {
		made.Request.WrapTTL = 60
	}
	if kind == "response" {
		made.Response = l.response(e, place)
	}
	write(l.Out, made)
}

func (l *Log) response(e Exchange, place mount) *response {
	answer := &response{Data: l.hashed(e.Answer, e.Clear), mount: place}
	if e.LeaseID != "" {
		answer.Secret = map[string]string{"lease_id": e.LeaseID}
	}
	if e.Wrap != nil {
		answer.Wrap = map[string]any{
			"accessor": l.Hash(e.Wrap.WrapAccessor), "token": l.Hash(e.Wrap.WrapToken), "ttl": 60,
			"creation_path": e.Path, "creation_time": l.Now.UTC().Format(time.RFC3339Nano),
		}
	}
	if e.Made != nil {
		answer.Auth = l.auth(*e.Made)
		answer.Auth.TokenTTL, answer.Auth.PolicyResults = 3600, nil
	}
	return answer
}

func (l *Log) auth(of Token) *auth {
	if of.Sent == "" {
		return nil
	}
	return &auth{
		Accessor: l.hashOf(of.Accessor), ClientToken: l.Hash(of.Sent), DisplayName: of.Who, EntityID: of.EntityID,
		Metadata: map[string]string{"username": of.Name}, Policies: []string{"default", "reader"}, PolicyResults: allowed,
		TokenPolicies: []string{"default", "reader"}, IssueTime: l.Now.UTC().Format(time.RFC3339), TokenTTL: 2764800, TokenType: of.Kind,
	}
}

// hashOf is the HMAC of what is there.
func (l *Log) hashOf(text string) string {
	if text == "" {
		return ""
	}
	return l.Hash(text)
}

// mountOf is what Vault says of the mount of a path.
func (l *Log) mountOf(path string) mount {
	if strings.HasPrefix(path, l.Mount+"/") {
		return mount{
			Accessor: Plugin + "_45678fb6", Class: "secret", External: true, Point: l.Mount + "/",
			Sha256: "d9876d25c5c973d22214cbb37ae83d2fedc4355ee221aa480f8dbdf611f82673", Type: Plugin,
		}
	}
	first, rest, _ := strings.Cut(path, "/")
	if first == "auth" {
		name, _, _ := strings.Cut(rest, "/")
		return mount{Accessor: "auth_" + name + "_fb4756f7", Class: "auth", Point: "auth/" + name + "/", Type: name}
	}
	return mount{Accessor: "system_1", Class: "secret", Point: first + "/", Type: "system"}
}
