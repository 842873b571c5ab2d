package acceptance

import (
	"os"
	"slices"
	"strings"
)

// cleanEnvironment is this process's environment without what would change how
// Vault, its CLI or the plugin behave, and with the given additions.
func cleanEnvironment(additions ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(entry), "=")
		return strings.HasPrefix(name, "VAULT_") || strings.HasPrefix(name, "BAO_") ||
			strings.HasSuffix(name, "_PROXY") || name == "HOME"
	})
	return append(env, additions...)
}
