package credential

import (
	"cmp"

	"github.com/hashicorp/go-hclog"

	"vault-plugin-secrets-processmaker/engine/ledger"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// Reason says who asked for the end of a credential.
type Reason string

const (
	// ByLease: Vault revoked its lease, or let it run out.
	ByLease Reason = "lease"
	// ByLedger: its deadline was over, or it was marked due.
	ByLedger Reason = "ledger"
	// ByOperator: somebody ended it whatever its lease says, or its role or its mount.
	ByOperator Reason = "operator"
)

// Ended tells of a credential's end. The line is at info, though there is one for each reader: of a
// lease that ran out, and of a read whose answer was wrapped, the audit log knows no end. The time
// of issue joins the line with such a read.
func (s *Service) Ended(reason Reason, subject telemetry.Subject, record *ledger.Record) {
	kind := telemetry.CredsRevoked
	if reason == ByLedger {
		kind = telemetry.LedgerEnded
	}
	subject.ID = string(cmp.Or(record.FormerID, record.ID)) // what the reader was told
	fields := []any{"reason", reason, "token_id", record.TokenID, "entity_id", record.EntityID, "display_name", record.DisplayName}
	if !record.IssueTime.IsZero() {
		fields = append(fields, "issue_time", record.IssueTime)
	}
	if record.TokenID == "" {
		fields = append(fields, "token_name", record.TokenName)
	}
	s.Report.Happened(hclog.Info, kind, subject, "credential ended", fields...)
}
