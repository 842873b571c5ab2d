package faults

import (
	"sync"
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

func UpstreamTroubleAtIssue(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	const on = processmakertest.PasswordGrant
	for name, test := range map[string]struct {
		arrange func(h *mounttest.Mount)
		status  int
		says    string
	}{
		"wrong password":        {func(h *mounttest.Mount) { h.Pm.SetPassword("alice", "another") }, 400, "wrong username or password"},
		"deleted user":          {func(h *mounttest.Mount) { h.Pm.DeleteUser("alice") }, 400, "wrong username or password"},
		"wrong client secret":   {func(h *mounttest.Mount) { h.Pm.SetClientSecret(3, "another") }, 400, "client_secret of the config"},
		"revoked client":        {func(h *mounttest.Mount) { h.Pm.RevokeClient(3) }, 400, `auth client "3"`},
		"down":                  {func(h *mounttest.Mount) { h.Pm.GoOffline() }, 502, "cannot be reached"},
		"refused connection":    {mounttest.Inject(on, processmakertest.Refuse()), 502, "closed before the answer was complete"},
		"server error":          {mounttest.Inject(on, processmakertest.ServerError()), 502, "HTTP 500"},
		"maintenance":           {mounttest.Inject(on, processmakertest.Maintenance(90)), 502, "try again in 1m30s"},
		"throttled":             {mounttest.Inject(on, processmakertest.Throttled(33)), 503, "34s"},
		"login page":            {mounttest.Inject(on, processmakertest.HTMLPage(200)), 502, "not JSON"},
		"proxy's error page":    {mounttest.Inject(on, processmakertest.HTMLPage(502)), 502, "HTTP 502"},
		"redirect":              {mounttest.Inject(on, processmakertest.Redirect("http://127.0.0.1:1/login")), 502, "redirect"},
		"truncated":             {mounttest.Inject(on, processmakertest.Truncated()), 502, "broke off"},
		"huge":                  {mounttest.Inject(on, processmakertest.Huge()), 502, "larger than 1 MiB"},
		"wrong host":            {mounttest.Inject(on, processmakertest.Answer(499, nil, "{}")), 502, "no tenant"},
		"not found":             {mounttest.Inject(on, processmakertest.Answer(404, mounttest.JsonHeader(), "{}")), 502, "check the url"},
		"success without token": {mounttest.Inject(on, processmakertest.Answer(200, mounttest.JsonHeader(), "{}")), 502, "no access_token"},
		"token is a number":     {mounttest.Inject(on, processmakertest.Answer(200, mounttest.JsonHeader(), `{"access_token":12}`)), 502, "the access_token of the answer is no text"},
		"token is opaque":       {mounttest.Inject(on, processmakertest.Answer(200, mounttest.JsonHeader(), `{"access_token":"SECRETabc","token_type":"bearer"}`)), 502, "ProcessMaker 3 is not supported"},
		"malformed request":     {mounttest.Inject(on, processmakertest.Answer(400, mounttest.JsonHeader(), `{"error":"invalid_request"}`)), 500, "malformed"},
		"league 7":              {mounttest.Inject(on, processmakertest.Answer(401, mounttest.JsonHeader(), `{"error":"invalid_credentials"}`)), 400, "wrong username or password"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewReady(t, mount, nil)
			test.arrange(h)
			resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
			require.Equal(t, test.status, mounttest.Status(resp, err), mounttest.Message(resp, err))
			require.Contains(t, mounttest.Message(resp, err), test.says)
			require.Contains(t, mounttest.Message(resp, err), `role "ci"`)
			require.NotContains(t, mounttest.Message(resp, err), "SECRET")
			require.LessOrEqual(t, h.Pm.Count(), 1, "nothing is sent twice")
			require.Empty(t, h.RecordedIDs())
		})
	}
}

func PasswordGrantSwitchedOff(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil, func(c *processmakertest.Config) { c.Release = "4.14.0" })
	resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
	require.Equal(t, 400, mounttest.Status(resp, err))
	require.Contains(t, mounttest.Message(resp, err), "4.14.2")
}

func AWrongPasswordCostsOneLogin(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	h := mounttest.NewReady(t, mount, nil)
	h.Pm.SetPassword("alice", "another")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			resp, err := h.Do(logical.ReadOperation, "creds/ci", nil)
			if mounttest.Status(resp, err) != 400 {
				t.Errorf("status %d", mounttest.Status(resp, err))
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, h.Pm.Count(processmakertest.PasswordGrant))

	h.MustWrite("roles/ci", map[string]any{"password": "another"})
	h.Issue(nil)

	h.Pm.SetPassword("alice", "third")
	h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, "wrong username or password")
	h.MustWrite("config", map[string]any{"request_timeout": "10s"})
	h.Pm.SetPassword("alice", "another")
	h.Issue(nil)
}

// Passport13SaysWhatIsWrong with a login, and the message says what cures it.
func Passport13SaysWhatIsWrong(t *testing.T, mount mounttest.Maker) {
	t.Parallel()
	for name, test := range map[string]struct {
		plain  bool
		change func(h *mounttest.Mount) map[string]any
		says   []string
	}{
		"grant off": {false, func(h *mounttest.Mount) map[string]any {
			return map[string]any{"client_id": "5", "client_secret": h.Pm.Client(5).Secret}
		}, []string{`auth client "5" of the role exists, but its password grant is off`, "Turn on", "Enable Password Grant"}},
		"grant off, wrong secret": {false, func(h *mounttest.Mount) map[string]any {
			return map[string]any{"client_id": "2", "client_secret": "wrong"}
		}, []string{`auth client "2" of the role exists, but its password grant is off`}},
		"secret of blanks": {false, func(h *mounttest.Mount) map[string]any {
			return map[string]any{"client_id": "3", "client_secret": " "}
		}, []string{"finds no client_secret in the login", "Write client_secret again"}},
		"wrong secret": {false, func(h *mounttest.Mount) map[string]any {
			return map[string]any{"client_id": "3", "client_secret": "wrong"}
		}, []string{"wrong client_id or client_secret", "its script has not hashed the clients' secrets yet"}},
		"secrets not hashed": {true, func(h *mounttest.Mount) map[string]any {
			return nil
		}, []string{"its script has not hashed the clients' secrets yet"}},
		"password with a blank": {false, func(h *mounttest.Mount) map[string]any {
			h.Pm.SetPassword("alice", "alice's ")
			return map[string]any{"password": "alice's "}
		}, []string{"wrong username or password", "cuts off the blank at an end of the password"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mounttest.NewReady(t, mount, nil, mounttest.Passport13, func(c *processmakertest.Config) { c.PlainSecrets = test.plain })
			h.MustWrite("roles/ci", test.change(h))
			for _, says := range test.says {
				h.RefusedWrite(logical.ReadOperation, "creds/ci", nil, says)
			}
		})
	}
	h := mounttest.NewReady(t, mount, nil)
	for field, value := range map[string]string{"password": " alice's", "username": "alice\u00a0"} {
		resp := h.MustWrite("roles/ci", map[string]any{field: value})
		require.Contains(t, resp.Warnings[0], field+" begins or ends with a blank")
		require.Nil(t, h.MustWrite("roles/ci", map[string]any{"ttl": "10m"}), "it is said once")
	}
}
