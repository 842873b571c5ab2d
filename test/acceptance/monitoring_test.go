//go:build unix

package acceptance

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/test/freeport"
)

const monitoringPage = "docs/monitoring.md"

// monitoringBlock is the block of the page that is marked with this word.
func monitoringBlock(t *testing.T, mark string) string {
	t.Helper()
	blocks, _ := docBlocks(t, monitoringPage)
	for _, block := range blocks {
		if block.file == mark || strings.HasSuffix(block.file, " "+mark) {
			return block.text
		}
	}
	t.Fatalf("%s has no block %q", monitoringPage, mark)
	return ""
}

var documentedSeries = regexp.MustCompile("(?m)^\\| `(processmaker_[a-z_]+)")

func pageSeries(t *testing.T) (names []string) {
	t.Helper()
	for _, found := range documentedSeries.FindAllStringSubmatch(repositoryText(t, monitoringPage), -1) {
		names = append(names, found[1])
	}
	require.NotEmpty(t, names)
	return names
}

// scraper is the mount as the page's policy shows it to Prometheus.
func (m *mount) scraper() *mount {
	m.t.Helper()
	policy := strings.ReplaceAll(monitoringBlock(m.t, "prometheus"), "processmaker/", m.path+"/")
	return m.withPolicy(policy)
}

// An answer of Vault that is not JSON comes as it is, to a bearer token, without Vault's envelope.
func TestMetricsAreTextForPrometheus(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	m.read("ci")
	calls := len(m.pm.Exchanges())
	scraper := m.scraper()
	req, err := http.NewRequest(http.MethodGet, m.server.Address+"/v1/"+m.at("metrics")+"?format=prometheus", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+scraper.client.Token())
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", text)
	require.Equal(t, "text/plain; version=0.0.4; charset=utf-8", resp.Header.Get("Content-Type"))
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	require.NoError(t, err, "%s", text)
	require.Contains(t, families, "processmaker_operations_total")
	require.Len(t, m.pm.Exchanges(), calls, "a scrape calls ProcessMaker")
	require.EqualValues(t, json.Number("0"), m.get("metrics")["processmaker_overdue_credentials"])
	require.True(t, isForbidden(scraper.tryWrite("config", fields{"request_timeout": "5s"})))
}

// prometheus is a running server that scrapes one mount.
type prometheus struct {
	t       *testing.T
	address string
}

// startPrometheus starts the real one with the page's configuration, each second in place of each
// half minute.
func (m *mount) startPrometheus() *prometheus {
	m.t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		m.t.Skip("no prometheus on PATH")
	}
	dir := m.t.TempDir()
	token := filepath.Join(dir, "token")
	require.NoError(m.t, os.WriteFile(token, []byte(m.scraper().client.Token()), 0o600))
	server, err := url.Parse(m.server.Address)
	require.NoError(m.t, err)
	rules, err := filepath.Abs("../../docs/monitoring/alerts.yml")
	require.NoError(m.t, err)
	config := marksReplaced(m.t, monitoringBlock(m.t, "prometheus.yml"),
		"/v1/processmaker/", "/v1/"+m.path+"/", "scheme: https", "scheme: http", "scrape_interval: 30s", "scrape_interval: 1s",
		"/etc/prometheus/vault/token", token, "    tls_config:\n      ca_file: /etc/prometheus/vault/ca.pem\n", "", "vault.example.com:8200", server.Host,
	) + "rule_files: [" + rules + "]\n"
	require.NoError(m.t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600))
	port, err := freeport.Choose()
	require.NoError(m.t, err)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(m.t, err)
	cmd := exec.Command(program, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = log, log
	running, err := StartProgram(cmd)
	require.NoError(m.t, err)
	m.t.Cleanup(func() {
		assert.NoError(m.t, running.Stop())
		if text, err := os.ReadFile(log.Name()); m.t.Failed() && err == nil {
			m.t.Logf("%s", text)
		}
	})
	return &prometheus{t: m.t, address: address}
}

// query returns how many series answer, or -1 while the server does not.
func (p *prometheus) query(expression string) int {
	resp, err := http.Get("http://" + p.address + "/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []any }
	}
	if json.NewDecoder(resp.Body).Decode(&answer) != nil || resp.StatusCode == http.StatusServiceUnavailable {
		return -1
	}
	require.Equal(p.t, "success", answer.Status, "%s: %s", expression, answer.Error)
	return len(answer.Data.Result)
}

func dashboardQueries(t *testing.T) (queries []string) {
	t.Helper()
	var dashboard struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	require.NoError(t, json.Unmarshal([]byte(repositoryText(t, "docs/monitoring/dashboard.json")), &dashboard))
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			queries = append(queries, target.Expr)
		}
	}
	require.NotEmpty(t, queries)
	return queries
}

// A real Prometheus finds every documented series after a little of everything, and can answer what
// the dashboard asks.
func TestPrometheusFindsEverySeries(t *testing.T) {
	t.Parallel()
	m := newReadyMount(t)
	p := m.startPrometheus()
	m.writeRole("jobs", fields{"credential_type": "personal_access_token"})
	m.writeRole("shared", fields{"rotation_period": "1h"})
	m.writeRole("typo", fields{"password": "wrong"})
	m.renew(m.read("ci"), 60)
	m.revoke(m.read("jobs"))
	m.get("static-creds/shared")
	_, err := m.tryRead("typo")
	require.Error(t, err)
	m.write("rotate-role/ci", fields{"update_all": true})
	for _, name := range pageSeries(t) {
		if name == "processmaker_upstream_request_duration_seconds" {
			name += "_bucket"
		}
		eventually(t, "Prometheus has "+name, func() bool { return p.query(name) > 0 })
	}
	// Those that show trouble alone may be empty.
	empty := map[string]bool{"processmaker_session_active == 0": true}
	for _, query := range dashboardQueries(t) {
		if !empty[query] {
			eventually(t, query, func() bool { return p.query(query) > 0 })
		}
	}
	require.Positive(t, p.query(`processmaker_role_healthy{role="typo"} == 0`))
	require.Positive(t, p.query(`processmaker_operations_total{operation="role_rotate",outcome="success"} > 0`))
}

// The rules and their cases are those of the page.
func TestAlarmsFireAndClear(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool on PATH")
	}
	cmd := exec.Command(program, "test", "rules", "alerts_test.yml")
	cmd.Dir = "../../docs/monitoring"
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	rules := repositoryText(t, "docs/monitoring/alerts.yml")
	cases := repositoryText(t, "docs/monitoring/alerts_test.yml")
	for _, found := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(rules, -1) {
		require.Contains(t, repositoryText(t, monitoringPage), "`"+found[1]+"`")
		require.Contains(t, cases, "alertname: "+found[1]+"\n        exp_alerts")
	}
}
