//go:build unix

package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// cliTimeout ends a command that hangs.
const cliTimeout = time.Minute

// CLI runs the real vault command against the server and returns what it
// printed. An error holds what it printed to stderr.
func (s *Server) CLI(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), cliTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.vaultBin, args...)
	cmd.Env = cleanEnvironment("HOME="+s.home, "VAULT_ADDR="+s.Address, "VAULT_TOKEN="+s.RootToken,
		"VAULT_MAX_RETRIES=0", "VAULT_CLI_NO_COLOR=1")
	cmd.Dir = s.home
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("vault %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}
