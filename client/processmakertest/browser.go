package processmakertest

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// browser is the client of one sign-in.
type browser struct {
	client http.Client
	// login is what the person puts into the login form.
	login url.Values
	// loginSent is set when that was done: a person with a wrong password does
	// not get it right by trying it again.
	loginSent bool
}

// shownPage is what a browser has in front of it.
type shownPage struct {
	status   int
	address  *url.URL
	location *url.URL // nil unless the answer is a redirect
	body     string
}

func (b *browser) open(request *http.Request) (shownPage, error) {
	request.Header.Set("Accept", "text/html")
	response, err := b.client.Do(request)
	if err != nil {
		return shownPage{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return shownPage{}, err
	}
	shown := shownPage{status: response.StatusCode, address: request.URL, body: string(body)}
	if shown.status == http.StatusFound {
		shown.location, err = response.Location()
	}
	return shown, err
}

var (
	firstForm   = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)">(.*?)</form>`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	alert       = regexp.MustCompile(`<p role="alert">([^<]*)</p>`)
)

// follow does the next thing that a page asks for: go elsewhere, or send its
// first form.
func (b *browser) follow(shown shownPage) (*http.Request, error) {
	if shown.location != nil {
		return http.NewRequest(http.MethodGet, shown.location.String(), nil)
	}
	form := firstForm.FindStringSubmatch(shown.body)
	if shown.status != http.StatusOK || form == nil {
		return nil, fmt.Errorf("%s answered %d: %s", shown.address.Path, shown.status, strings.TrimSpace(shown.body))
	}
	fields := url.Values{}
	for _, field := range hiddenField.FindAllStringSubmatch(form[2], -1) {
		fields.Set(field[1], html.UnescapeString(field[2]))
	}
	if strings.Contains(form[2], `name="password"`) {
		if b.loginSent {
			return nil, fmt.Errorf("the login form says: %s", alertOf(shown.body))
		}
		fields, b.loginSent = b.login, true
	}
	action, err := shown.address.Parse(html.UnescapeString(form[1]))
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodPost, action.String(), strings.NewReader(fields.Encode()))
	if err == nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return request, err
}

func alertOf(body string) string {
	if found := alert.FindStringSubmatch(body); found != nil {
		return html.UnescapeString(found[1])
	}
	return "nothing"
}
