//go:build unix

package acceptance

import (
	"fmt"

	"github.com/hashicorp/vault/api"
)

// EnableFileAudit makes the server log every request and answer to AuditPath,
// in the way an operator would: strings as HMACs, no raw logging. OpenBao does so
// from its start.
func (s *Server) EnableFileAudit() error {
	if s.openBao {
		return nil
	}
	client, err := s.NewClient(nil)
	if err != nil {
		return err
	}
	return client.Sys().EnableAuditWithOptions("file", &api.EnableAuditOptions{
		Type:    "file",
		Options: map[string]string{"file_path": s.AuditPath},
	})
}

// auditSettings is what OpenBao's configuration has in place of EnableFileAudit.
func (s *Server) auditSettings() string {
	if !s.openBao {
		return ""
	}
	return fmt.Sprintf("audit \"file\" \"file\" {\n  options = { file_path = %q }\n}\n", s.AuditPath)
}
