package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"vault-plugin-secrets-processmaker/scripts/audit/logfile"
	"vault-plugin-secrets-processmaker/scripts/audit/trail"
)

// report says on what the answer rests and what it may lack.
func report(out io.Writer, q question, counts *logfile.Counts, t *trail.Trail) {
	fmt.Fprintf(out, "read %d lines", counts.Lines)
	if !counts.First.IsZero() {
		fmt.Fprintf(out, ", %s to %s", counts.First.UTC().Format(time.RFC3339), counts.Last.UTC().Format(time.RFC3339))
	}
	fmt.Fprintln(out)
	note := func(count int, text string) {
		if count > 0 {
			fmt.Fprintf(out, "note: "+text+"\n", count)
		}
	}
	if counts.Bad > 0 {
		fmt.Fprintf(out, "note: %d lines could not be read and are left out: %s\n", counts.Bad, strings.Join(counts.Examples, "; "))
	}
	if len(counts.Sorted) > 0 {
		fmt.Fprintf(out, "note: not in the order of time, and sorted: %s\n", strings.Join(counts.Sorted, ", "))
	}
	if q.name == "failed" || q.name == "changes" {
		return
	}
	n := t.Notes
	note(n.Untuned, "%d reads are from before the mount was tuned, or of a mount that is not: their values are HMACs. Give a value's HMAC beside it (vault write sys/audit-hash/<device> input=<value>)")
	note(n.Hidden, "%d reads were wrapped and no line tells their credential_id; the server's log does, with the line of the end")
	note(n.HashedLeases, "%d ends were asked for by a lease id in the body of the request, which is an HMAC; the server's log tells of the ends")
	note(n.HashedFilters, "%d times credentials/revoke ended credentials by a filter that is an HMAC; tune the mount, or give the server's log")
	note(n.Moved, "%d times a mount was moved, which ends its leases; the log does not say which mount. With -mount, give its former paths, too")
	if q.name != "outlived" {
		note(n.Unread, "of %d credentials the server's log has the end and no log the read")
	}
	if n.ServerLines == 0 {
		fmt.Fprintln(out, "note: there is no line of the engine in a server's log among these files. Ends that nobody asked for, and queued ones, are in no other")
	}
}
