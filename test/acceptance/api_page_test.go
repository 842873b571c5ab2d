//go:build unix

package acceptance

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// The API page is followed by somebody who has nothing but an empty mount: each
// request is sent with its payload, and its answer is compared with the sample.
var apiPage = docPage{follow: followAPIPage}

// apiCall is one sample request of the page.
type apiCall struct {
	payload *docBlock // nil where the request has none
	request docBlock
	answer  *docBlock // nil where nothing is answered
}

// apiCalls joins each request with the payload before it and the answer after it.
// Deletions come last and bottom up, because the page shows them beside objects
// that later samples need.
func apiCalls(t *testing.T, blocks []docBlock) (calls []apiCall) {
	t.Helper()
	var payload *docBlock
	var deletions []apiCall
	last := &apiCall{}
	for i := range blocks {
		block := &blocks[i]
		switch {
		case block.language == "sh":
			next := apiCall{payload: payload, request: *block}
			require.Equal(t, payload != nil, strings.Contains(block.text, "--data @payload.json"), "%s:%d: the payload before a request is the one that it sends", block.page, block.line)
			payload = nil
			if strings.Contains(block.text, "--request DELETE") {
				deletions = append(deletions, next)
				last = &deletions[len(deletions)-1]
				continue
			}
			calls = append(calls, next)
			last = &calls[len(calls)-1]
		case block.file != "":
			require.Nil(t, payload, "%s:%d: no request sends the payload before this one", block.page, block.line)
			require.Equal(t, "payload.json", block.file, "%s:%d", block.page, block.line)
			payload = block
		default:
			require.Nil(t, last.answer, "%s:%d: the request before has an answer already", block.page, block.line)
			require.NotEmpty(t, last.request.text, "%s:%d: no request before", block.page, block.line)
			last.answer = block
		}
	}
	require.Nil(t, payload, "a payload at the end that no request sends")
	slices.Reverse(deletions)
	return append(calls, deletions...)
}

// The page's texts for values that only a run knows, and the number of the first
// role's user.
const (
	apiPageServer       = "http://127.0.0.1:8200"
	apiPageToken        = "X-Vault-Token: ..."
	apiPageRefreshToken = "def50200a1b2c3d4e5f6"
	apiPageCode         = "def502006f5e4d3c2b1a"
	apiPageFirstUser    = 101
)

func followAPIPage(t *testing.T, blocks []docBlock) {
	pm := documentedProcessMaker(t)
	for i, name := range []string{"vault-ci", "vault-app", "vault-worker", "vault-jobs", "vault-shared"} {
		pm.AddUser(processmakertest.User{Username: name, Password: documentedPassword, ID: int64(apiPageFirstUser + i)})
	}
	authority := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(authority, []byte(pm.CACertPEM()), 0o600))
	// ProcessMaker has a certificate that the server's system trusts.
	server := ownServer(t, "SSL_CERT_FILE="+authority)
	d := newDocRun(t, server, pm, t.TempDir())
	d.mount = newMount(t, onServer(server), asDocumented(pm))
	d.bringRefreshToken()
	d.set("HEADER", "X-Vault-Token: "+server.RootToken)
	d.marks = append(d.marks, apiPageServer, server.Address, apiPageToken, "$HEADER", apiPageRefreshToken, d.value("REFRESH_TOKEN"))
	for _, call := range apiCalls(t, blocks) {
		a := &apiAnswer{docRun: d, block: call.answer}
		if call.payload != nil {
			require.NoError(t, os.WriteFile(filepath.Join(d.dir, call.payload.file), []byte(d.here(call.payload.text)), 0o600))
		}
		printed := d.run(call.request)
		if call.answer == nil {
			require.Empty(t, printed, "%s:%d: the page shows no answer", call.request.page, call.request.line)
			continue
		}
		if call.answer.language == "text" {
			require.Subset(t, strings.Split(printed, "\n"), strings.Split(call.answer.text, "\n"), "%s:%d", call.answer.page, call.answer.line)
			continue
		}
		a.compare(printed)
		if address := a.found["data.authorization_url"]; address != "" {
			d.marks = append(d.marks, apiPageCode, d.approve(address).Query().Get("code"))
		}
	}
}

// value asks the shell for a variable.
func (d *docRun) value(name string) string {
	d.t.Helper()
	return d.run(docBlock{page: "a test", text: "printf %s \"$" + name + "\""})
}

// withoutVaultsOwn leaves out of an answer what the page leaves out: the fields
// that Vault puts around each, as far as they are empty or name the request.
func withoutVaultsOwn(answer map[string]any) map[string]any {
	answer = maps.Clone(answer)
	delete(answer, "request_id")
	delete(answer, "mount_type")
	maps.DeleteFunc(answer, func(_ string, value any) bool {
		return value == nil || value == "" || value == false || value == 0.0
	})
	if answer["lease_id"] != nil {
		for name, empty := range map[string]any{"renewable": false, "lease_duration": 0.0} {
			if answer[name] == nil {
				answer[name] = empty
			}
		}
	}
	return answer
}

// Some texts differ from run to run. The page has one of the same form.
var (
	someTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)
	// An identifier of the page stands for the same thing wherever it is.
	someIdentifier = []*regexp.Regexp{
		idOfThePage,
		regexp.MustCompile(`^[0-9a-f]{80}$`),                              // a token_id
		regexp.MustCompile(`^eyJ[\w-]+\.[\w-]+\.[\w-]+$`),                 // a token
		regexp.MustCompile(`^processmaker/creds/[a-z]+/[0-9A-Za-z]{24}$`), // a lease_id
		regexp.MustCompile(`^vault:[0-9a-f]{8}:[a-z]+:[0-9a-v]{22}$`),     // a token_name
		regexp.MustCompile(`^[\w-]{43}$`),                                 // a state or a challenge
		regexp.MustCompile(`^v\d+\.\d+\.\d+$`),                            // the version
	}
	// These numbers depend on the time of the run, and on that between requests.
	someNumber = regexp.MustCompile(`^data\.(ttl|(processmaker_)?token_requests_remaining|processmaker_start_time_seconds)$|_timestamp_seconds\[\d+\]\.value$|_duration_seconds\[\d+\]\.(average|sum)$`)
	someAge    = regexp.MustCompile(`\b\d+s old\b`)
)

// apiAnswer compares an answer with what the page shows.
type apiAnswer struct {
	*docRun
	block *docBlock
	found map[string]string // the texts of the answer by their paths
}

func (a *apiAnswer) compare(printed string) {
	a.t.Helper()
	place := fmt.Sprintf("%s:%d", a.block.page, a.block.line)
	var sample, actual map[string]any
	require.NoError(a.t, json.Unmarshal([]byte(a.here(a.block.text)), &sample), place)
	require.NoError(a.t, json.Unmarshal([]byte(printed), &actual), "%s: no JSON:\n%s", place, printed)
	a.found = map[string]string{}
	assert.Empty(a.t, a.differences(withoutVaultsOwn(actual), sample, ""), "%s shows otherwise:\n%s", place, printed)
}

// differences tells where an answer is not as the sample has it.
func (a *apiAnswer) differences(actual, sample any, path string) (differences []string) {
	switch sample := sample.(type) {
	case map[string]any:
		object, ok := actual.(map[string]any)
		if !ok {
			return []string{path + " is no object"}
		}
		shown, there := slices.Sorted(maps.Keys(sample)), slices.Sorted(maps.Keys(object))
		if !slices.Equal(shown, there) {
			return []string{fmt.Sprintf("%s has %q, the page %q", path, there, shown)}
		}
		for _, name := range shown {
			differences = append(differences, a.differences(object[name], sample[name], strings.TrimPrefix(path+"."+name, "."))...)
		}
	case []any:
		list, ok := actual.([]any)
		if shown := len(sample) - 1; ok && shown > 0 && sample[shown] == "..." && len(list) > shown {
			list, sample = list[:shown], sample[:shown]
		}
		if !ok || len(list) != len(sample) {
			return []string{fmt.Sprintf("%s is %v, on the page %v", path, actual, sample)}
		}
		for i := range sample {
			differences = append(differences, a.differences(list[i], sample[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
	case string:
		text, ok := actual.(string)
		if !ok || !a.stands(text, sample) {
			return []string{fmt.Sprintf("%s is %v, on the page %q", path, actual, sample)}
		}
		a.found[path] = text
	default:
		_, isNumber := actual.(float64)
		if actual != sample && !(isNumber && someNumber.MatchString(path)) {
			return []string{fmt.Sprintf("%s is %v, on the page %v", path, actual, sample)}
		}
	}
	return differences
}

// stands tells whether the page's text stands for that of the answer. The first
// time that an identifier of the page is met decides what it is from there on.
func (a *apiAnswer) stands(text, sample string) bool {
	sample = a.here(sample)
	if someAge.ReplaceAllString(text, "") == someAge.ReplaceAllString(sample, "") || someTime.MatchString(text) && someTime.MatchString(sample) {
		return true
	}
	for _, form := range someIdentifier {
		if form.MatchString(text) && form.MatchString(sample) && !slices.Contains(a.marks, text) && !slices.Contains(a.marks, sample) {
			a.marks = append(a.marks, sample, text)
			return true
		}
	}
	shown, err := url.Parse(sample)
	there, errThere := url.Parse(text)
	if err != nil || errThere != nil || shown.RawQuery == "" || shown.Scheme+shown.Host+shown.Path != there.Scheme+there.Host+there.Path {
		return false
	}
	if !slices.Equal(slices.Sorted(maps.Keys(shown.Query())), slices.Sorted(maps.Keys(there.Query()))) {
		return false
	}
	for name := range shown.Query() {
		if !a.stands(there.Query().Get(name), shown.Query().Get(name)) {
			return false
		}
	}
	return true
}
