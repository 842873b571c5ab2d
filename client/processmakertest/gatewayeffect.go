package processmakertest

import (
	"fmt"
	"html"
	"net/http"
)

// BadGateway is the answer of the web server in front of a product whose
// workers are stopped: a page for every call, at once, and nothing is processed.
func BadGateway() Effect {
	return Answer(http.StatusBadGateway, gatewayHeader(), gatewayPage("502 Bad Gateway", "nginx"))
}

// GatewayError is the answer of a gateway that lost the product's own: a page,
// although the request is carried out. The statuses seen are 500, 504, 520 and
// 524.
func GatewayError(status int) Effect {
	return AnswerAfter(status, gatewayHeader(), gatewayPage(gatewayTitle(status), "gateway"))
}

// GatewayPage is the same page where nothing is processed.
func GatewayPage(status int) Effect {
	return Answer(status, gatewayHeader(), gatewayPage(gatewayTitle(status), "gateway"))
}

func gatewayTitle(status int) string {
	text := http.StatusText(status)
	switch status {
	case 520:
		text = "Web server is returning an unknown error"
	case 524:
		text = "A timeout occurred"
	}
	return fmt.Sprintf("%d %s", status, text)
}

func gatewayHeader() http.Header { return http.Header{"Content-Type": {"text/html"}} }

// gatewayPage has the web server's form.
func gatewayPage(title, server string) string {
	title = html.EscapeString(title)
	return "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
		"</h1></center>\r\n<hr><center>" + server + "</center>\r\n</body>\r\n</html>\r\n"
}
