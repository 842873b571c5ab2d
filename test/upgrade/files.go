package upgrade

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"vault-plugin-secrets-processmaker/engine/role"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// upgradeFolder holds, by release, what that release has stored: the entries
// byte by byte, and the leases as Vault keeps them. Only what differs from run
// to run is replaced: the URL by keptURL, and the parts of each token by its
// name with an ending.
const upgradeFolder = "test/testdata/upgrade"

const (
	keptURL        = "https://processmaker.invalid"
	idEnding       = "-id"
	accessEnding   = "-access-token"
	refreshEnding  = "-refresh-token"
	upgradeSecret  = "not-a-real-client-secret"
	upgradePass    = "not-a-real-password"
	storageSection = "storage/"
	leaseSection   = "leases/"
	factsFile      = "facts.json"
)

// keptLease is a lease as Vault keeps it.
type keptLease struct {
	Path         string         `json:"path"`
	IssueTime    time.Time      `json:"issue_time"`
	TTL          time.Duration  `json:"ttl"`
	MaxTTL       time.Duration  `json:"max_ttl"`
	Renewable    bool           `json:"renewable"`
	InternalData map[string]any `json:"internal_data"`
	Data         map[string]any `json:"data"`
}

// keptFacts is what has to be true around the entries for them to work.
type keptFacts struct {
	Time   time.Time            `json:"time"`
	Tokens map[string]keptToken `json:"tokens"`
	// SignIn is a person's sign-in that has begun.
	SignIn struct {
		State string `json:"state"`
		URL   string `json:"authorization_url"`
	} `json:"sign_in"`
}

// keptToken says how to make a token that is like one that was live.
type keptToken struct {
	Username string `json:"username"`
	ClientID int64  `json:"client_id"`
	Name     string `json:"name"`
}

// kept returns what the mount has stored in the form of the files.
func kept(h *mounttest.Mount, leases map[string]*mounttest.Lease, begun *logical.Response) map[string]string {
	h.T.Helper()
	files := map[string]string{}
	keys, err := logical.CollectKeys(context.Background(), h.Storage.Storage)
	require.NoError(h.T, err)
	for _, key := range keys {
		entry, err := h.Storage.Storage.Get(context.Background(), key)
		require.NoError(h.T, err)
		files[storageSection+rekeyed(key, entry.Value, keptURL)] = string(entry.Value)
	}
	for name, l := range leases {
		files[leaseSection+name] = mounttest.AsText(h.T, keptLease{
			Path: l.Path, IssueTime: l.Secret.IssueTime, TTL: l.Secret.TTL, MaxTTL: l.Secret.MaxTTL,
			Renewable: l.Secret.Renewable, InternalData: l.Secret.InternalData, Data: l.Data,
		})
	}
	facts := keptFacts{Time: h.Clock.Now(), Tokens: map[string]keptToken{}}
	facts.SignIn.State = begun.Data["state"].(string)
	facts.SignIn.URL = begun.Data["authorization_url"].(string)

	live := map[string]processmakertest.Token{}
	for _, token := range h.Pm.LiveTokens() {
		live[token.ID] = token
	}
	users := map[int64]string{}
	for _, user := range h.Pm.Users() {
		users[user.ID] = user.Username
	}
	replace := []string{h.Pm.URL(), keptURL}
	known := map[string]string{}
	for _, file := range sortedNames(files) {
		walkTokens(h.T, files[file], func(token map[string]any) {
			id := token["token_id"].(string)
			name := known[id]
			if name == "" {
				name = fmt.Sprintf("token-%02d", len(known)+1)
				known[id] = name
				held, ok := live[id]
				require.True(h.T, ok, "%s holds a token that is not live", file)
				facts.Tokens[name] = keptToken{Username: users[held.UserID], ClientID: held.ClientID, Name: held.Name}
				replace = append(replace, id, name+idEnding)
			}
			for field, ending := range map[string]string{"access_token": accessEnding, "refresh_token": refreshEnding} {
				if value, _ := token[field].(string); value != "" {
					replace = append(replace, value, name+ending)
				}
			}
		})
	}
	files[factsFile] = mounttest.AsText(h.T, facts)
	kept := map[string]string{}
	for file, text := range files {
		text = strings.NewReplacer(append(replace, url.QueryEscape(h.Pm.URL()), keptURL)...).Replace(text)
		require.NotContains(h.T, text, "eyJ", "%s: a real token", file)
		if file != factsFile {
			file += ".json"
		}
		kept[file] = text
	}
	return kept
}

func sortedNames[V any](files map[string]V) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// walkTokens calls do for each object of a JSON text that holds a token.
func walkTokens(t *testing.T, text string, do func(map[string]any)) {
	t.Helper()
	var decoded any
	require.NoError(t, json.Unmarshal([]byte(text), &decoded))
	var walk func(any)
	walk = func(value any) {
		object, ok := value.(map[string]any)
		if !ok {
			return
		}
		if id, _ := object["token_id"].(string); id != "" {
			do(object)
		}
		for _, name := range sortedNames(object) {
			walk(object[name])
		}
	}
	walk(decoded)
}

// readKept reads the files of one release.
func readKept(t *testing.T, release string) map[string]string {
	t.Helper()
	files := map[string]string{}
	root := filepath.Join(upgradeFolder, release)
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		files[filepath.ToSlash(name)] = string(text)
		return err
	}))
	return files
}

func writeKept(t *testing.T, release string, files map[string]string) {
	t.Helper()
	root := filepath.Join(upgradeFolder, release)
	require.NoError(t, os.RemoveAll(root))
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

// restore gives a new mount what a release has stored, with live tokens in the
// place of those that were live then.
func restore(h *mounttest.Mount, files map[string]string) (facts keptFacts, leases map[string]*mounttest.Lease) {
	h.T.Helper()
	require.NoError(h.T, json.Unmarshal([]byte(files[factsFile]), &facts))
	h.Clock.Advance(facts.Time.Sub(h.Clock.Now()))
	replace := []string{keptURL, h.Pm.URL()}
	for _, name := range sortedNames(facts.Tokens) {
		fresh := newFreshToken(h, facts.Tokens[name])
		replace = append(replace, name+idEnding, fresh.id, name+accessEnding, fresh.access, name+refreshEnding, fresh.refresh)
	}
	fit := strings.NewReplacer(replace...).Replace
	require.NoError(h.T, json.Unmarshal([]byte(fit(files[factsFile])), &facts))
	leases = map[string]*mounttest.Lease{}
	for file, text := range files {
		name := strings.TrimSuffix(file, ".json")
		if key, ok := strings.CutPrefix(name, storageSection); ok {
			key = rekeyed(key, []byte(text), h.Pm.URL())
			require.NoError(h.T, h.Storage.Storage.Put(context.Background(), &logical.StorageEntry{Key: key, Value: []byte(fit(text))}))
		}
		if lease, ok := strings.CutPrefix(name, leaseSection); ok {
			leases[lease] = restoreLease(h, fit(text))
		}
	}
	h.Pm.ResetLog()
	return facts, leases
}

func restoreLease(h *mounttest.Mount, text string) *mounttest.Lease {
	h.T.Helper()
	var kept keptLease
	require.NoError(h.T, json.Unmarshal([]byte(text), &kept))
	l := &mounttest.Lease{H: h, Path: kept.Path}
	l.Take(&logical.Response{Data: kept.Data, Secret: &logical.Secret{
		LeaseOptions: logical.LeaseOptions{TTL: kept.TTL, MaxTTL: kept.MaxTTL, Renewable: kept.Renewable, IssueTime: kept.IssueTime},
		InternalData: kept.InternalData,
	}})
	return l
}

// rekeyed is the key that an entry has where the instance is at url: that of an
// open change of a password is made of it.
func rekeyed(key string, value []byte, url string) string {
	var change role.PendingPassword
	if !strings.HasPrefix(key, role.PendingPrefix) || json.Unmarshal(value, &change) != nil {
		return key
	}
	return role.PendingKey(url, change.Username)
}
