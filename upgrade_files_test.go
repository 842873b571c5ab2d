package main

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

	"vault-plugin-secrets-processmaker/engine/role"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// upgradeFolder holds, by release, what that release has stored: the entries
// byte by byte, and the leases as Vault keeps them. Only what differs from run
// to run is replaced: the URL by keptURL, and the parts of each token by its
// name with an ending.
const upgradeFolder = "testdata/upgrade"

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
func kept(h *harness, leases map[string]*heldLease, begun *logical.Response) map[string]string {
	h.t.Helper()
	files := map[string]string{}
	keys, err := logical.CollectKeys(context.Background(), h.storage.Storage)
	require.NoError(h.t, err)
	for _, key := range keys {
		entry, err := h.storage.Storage.Get(context.Background(), key)
		require.NoError(h.t, err)
		files[storageSection+rekeyed(key, entry.Value, keptURL)] = string(entry.Value)
	}
	for name, l := range leases {
		files[leaseSection+name] = asText(h.t, keptLease{
			Path: l.path, IssueTime: l.secret.IssueTime, TTL: l.secret.TTL, MaxTTL: l.secret.MaxTTL,
			Renewable: l.secret.Renewable, InternalData: l.secret.InternalData, Data: l.data,
		})
	}
	facts := keptFacts{Time: h.clock.Now(), Tokens: map[string]keptToken{}}
	facts.SignIn.State = begun.Data["state"].(string)
	facts.SignIn.URL = begun.Data["authorization_url"].(string)

	live := map[string]processmakertest.Token{}
	for _, token := range h.pm.LiveTokens() {
		live[token.ID] = token
	}
	users := map[int64]string{}
	for _, user := range h.pm.Users() {
		users[user.ID] = user.Username
	}
	replace := []string{h.pm.URL(), keptURL}
	known := map[string]string{}
	for _, file := range sortedNames(files) {
		walkTokens(h.t, files[file], func(token map[string]any) {
			id := token["token_id"].(string)
			name := known[id]
			if name == "" {
				name = fmt.Sprintf("token-%02d", len(known)+1)
				known[id] = name
				held, ok := live[id]
				require.True(h.t, ok, "%s holds a token that is not live", file)
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
	files[factsFile] = asText(h.t, facts)
	kept := map[string]string{}
	for file, text := range files {
		text = strings.NewReplacer(append(replace, url.QueryEscape(h.pm.URL()), keptURL)...).Replace(text)
		require.NotContains(h.t, text, "eyJ", "%s: a real token", file)
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

func asText(t *testing.T, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", "  ")
	require.NoError(t, err)
	return string(text) + "\n"
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
func restore(h *harness, files map[string]string) (facts keptFacts, leases map[string]*heldLease) {
	h.t.Helper()
	require.NoError(h.t, json.Unmarshal([]byte(files[factsFile]), &facts))
	h.clock.Advance(facts.Time.Sub(h.clock.Now()))
	replace := []string{keptURL, h.pm.URL()}
	for _, name := range sortedNames(facts.Tokens) {
		fresh := newFreshToken(h, facts.Tokens[name])
		replace = append(replace, name+idEnding, fresh.id, name+accessEnding, fresh.access, name+refreshEnding, fresh.refresh)
	}
	fit := strings.NewReplacer(replace...).Replace
	require.NoError(h.t, json.Unmarshal([]byte(fit(files[factsFile])), &facts))
	leases = map[string]*heldLease{}
	for file, text := range files {
		name := strings.TrimSuffix(file, ".json")
		if key, ok := strings.CutPrefix(name, storageSection); ok {
			key = rekeyed(key, []byte(text), h.pm.URL())
			require.NoError(h.t, h.storage.Storage.Put(context.Background(), &logical.StorageEntry{Key: key, Value: []byte(fit(text))}))
		}
		if lease, ok := strings.CutPrefix(name, leaseSection); ok {
			leases[lease] = restoreLease(h, fit(text))
		}
	}
	h.pm.ResetLog()
	return facts, leases
}

func restoreLease(h *harness, text string) *heldLease {
	h.t.Helper()
	var kept keptLease
	require.NoError(h.t, json.Unmarshal([]byte(text), &kept))
	return &heldLease{h: h, path: kept.Path, data: kept.Data, secret: logical.Secret{
		LeaseOptions: logical.LeaseOptions{TTL: kept.TTL, MaxTTL: kept.MaxTTL, Renewable: kept.Renewable, IssueTime: kept.IssueTime},
		InternalData: kept.InternalData,
	}}
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
