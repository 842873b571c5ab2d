package main

import (
	"sync"
	"testing"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func TestUpstreamTroubleAtIssue(t *testing.T) {
	t.Parallel()
	const on = processmakertest.PasswordGrant
	for name, test := range map[string]struct {
		arrange func(h *harness)
		status  int
		says    string
	}{
		"wrong password":        {func(h *harness) { h.pm.SetPassword("alice", "another") }, 400, "wrong username or password"},
		"deleted user":          {func(h *harness) { h.pm.DeleteUser("alice") }, 400, "wrong username or password"},
		"wrong client secret":   {func(h *harness) { h.pm.SetClientSecret(3, "another") }, 400, "client_secret of the config"},
		"revoked client":        {func(h *harness) { h.pm.RevokeClient(3) }, 400, `auth client "3"`},
		"down":                  {func(h *harness) { h.pm.GoOffline() }, 502, "cannot be reached"},
		"refused connection":    {inject(on, processmakertest.Refuse()), 502, "closed before the answer was complete"},
		"server error":          {inject(on, processmakertest.ServerError()), 502, "HTTP 500"},
		"maintenance":           {inject(on, processmakertest.Maintenance(90)), 502, "try again in 1m30s"},
		"throttled":             {inject(on, processmakertest.Throttled(33)), 503, "34s"},
		"login page":            {inject(on, processmakertest.HTMLPage(200)), 502, "not JSON"},
		"proxy's error page":    {inject(on, processmakertest.HTMLPage(502)), 502, "HTTP 502"},
		"redirect":              {inject(on, processmakertest.Redirect("http://127.0.0.1:1/login")), 502, "redirect"},
		"truncated":             {inject(on, processmakertest.Truncated()), 502, "broke off"},
		"huge":                  {inject(on, processmakertest.Huge()), 502, "larger than 1 MiB"},
		"wrong host":            {inject(on, processmakertest.Answer(499, nil, "{}")), 502, "no tenant"},
		"not found":             {inject(on, processmakertest.Answer(404, jsonHeader(), "{}")), 502, "check the url"},
		"success without token": {inject(on, processmakertest.Answer(200, jsonHeader(), "{}")), 502, "no access_token"},
		"token is a number":     {inject(on, processmakertest.Answer(200, jsonHeader(), `{"access_token":12}`)), 502, "the access_token of the answer is no text"},
		"token is opaque":       {inject(on, processmakertest.Answer(200, jsonHeader(), `{"access_token":"SECRETabc","token_type":"bearer"}`)), 502, "ProcessMaker 3 is not supported"},
		"malformed request":     {inject(on, processmakertest.Answer(400, jsonHeader(), `{"error":"invalid_request"}`)), 500, "malformed"},
		"league 7":              {inject(on, processmakertest.Answer(401, jsonHeader(), `{"error":"invalid_credentials"}`)), 400, "wrong username or password"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newReadyHarness(t, nil)
			test.arrange(h)
			resp, err := h.do(logical.ReadOperation, "creds/ci", nil)
			require.Equal(t, test.status, status(resp, err), message(resp, err))
			require.Contains(t, message(resp, err), test.says)
			require.Contains(t, message(resp, err), `role "ci"`)
			require.NotContains(t, message(resp, err), "SECRET")
			require.LessOrEqual(t, h.pm.Count(), 1, "nothing is sent twice")
			require.Empty(t, h.recordedIDs())
		})
	}
}

func TestPasswordGrantSwitchedOff(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil, func(c *processmakertest.Config) { c.Release = "4.14.0" })
	resp, err := h.do(logical.ReadOperation, "creds/ci", nil)
	require.Equal(t, 400, status(resp, err))
	require.Contains(t, message(resp, err), "4.14.2")
}

func TestAWrongPasswordCostsOneLogin(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.pm.SetPassword("alice", "another")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			resp, err := h.do(logical.ReadOperation, "creds/ci", nil)
			if status(resp, err) != 400 {
				t.Errorf("status %d", status(resp, err))
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, h.pm.Count(processmakertest.PasswordGrant))

	h.mustWrite("roles/ci", map[string]any{"password": "another"})
	h.issue(nil)

	h.pm.SetPassword("alice", "third")
	h.refusedWrite(logical.ReadOperation, "creds/ci", nil, "wrong username or password")
	h.mustWrite("config", map[string]any{"request_timeout": "10s"})
	h.pm.SetPassword("alice", "another")
	h.issue(nil)
}

func inject(on processmakertest.Endpoint, effect processmakertest.Effect) func(*harness) {
	return func(h *harness) { h.pm.Inject(processmakertest.Fault{On: on, Do: effect}) }
}

func jsonHeader() map[string][]string {
	return map[string][]string{"Content-Type": {"application/json"}}
}
