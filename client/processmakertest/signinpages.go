package processmakertest

import (
	"bytes"
	"html/template"
	"net/http"
)

// The pages have what SignIn and a person's browser need, and no layout.
var (
	loginTemplate = template.Must(template.New("login").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Login</title></head>
<body>
{{if .}}<p role="alert">{{.}}</p>
{{end}}<form method="post" action="/login">
<label>Username <input name="username" autocomplete="username"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button>Log In</button>
</form>
</body>
</html>
`))
	approveTemplate = template.Must(template.New("approve").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Authorization Request</title></head>
<body>
<p>{{.Client}} is requesting permission to access the account of {{.Username}}.</p>
<form method="post" action="/oauth/authorize">
<input type="hidden" name="state" value="{{.State}}">
<input type="hidden" name="client_id" value="{{.ClientID}}">
<input type="hidden" name="auth_token" value="{{.FormToken}}">
<button>Authorize</button>
</form>
<form method="post" action="/oauth/authorize">
<input type="hidden" name="_method" value="DELETE">
<input type="hidden" name="state" value="{{.State}}">
<input type="hidden" name="client_id" value="{{.ClientID}}">
<input type="hidden" name="auth_token" value="{{.FormToken}}">
<button>Cancel</button>
</form>
</body>
</html>
`))
)

func loginPage(complaint string) answer { return templatePage(loginTemplate, complaint) }

func approvePage(user *userRow, session *webSession) answer {
	return templatePage(approveTemplate, struct{ Client, ClientID, Username, State, FormToken string }{
		session.asked.client.Name, session.asked.clientID, user.Username, session.asked.state, session.formToken,
	})
}

func templatePage(page *template.Template, content any) answer {
	var body bytes.Buffer
	if err := page.Execute(&body, content); err != nil {
		return serverError(false)
	}
	return newAnswer(http.StatusOK, "text/html; charset=UTF-8", body.Bytes())
}
