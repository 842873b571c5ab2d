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
		return aboutVault(name) || strings.HasSuffix(name, "_PROXY") || name == "HOME"
	})
	return append(env, additions...)
}

func aboutVault(name string) bool {
	return strings.HasPrefix(name, "VAULT_") || strings.HasPrefix(name, "BAO_")
}

// ForgetVault takes out of this process's own environment what is there for the
// user's Vault. The API client reads it whatever it is configured with: a file
// that is not there, a short timeout or an agent would end what has nothing to
// do with that Vault.
func ForgetVault() {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); aboutVault(strings.ToUpper(name)) {
			_ = os.Unsetenv(name)
		}
	}
}

// longestTempDir leaves room for what comes below it: a socket's name may have
// 107 bytes, on macOS 103, and a plugin of a node of a cluster has its own at
// pm-acceptance-own-<number>/c0/n0/t/plugin<number>.
const longestTempDir = 50

// MakeTempDir makes a folder for a server. Where the system's own place for them
// has so long a name that no plugin could open its socket below it, it is in /tmp.
func MakeTempDir(pattern string) (string, error) {
	within := os.TempDir()
	if len(within) > longestTempDir {
		within = "/tmp"
	}
	return os.MkdirTemp(within, pattern)
}
