package processmakertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
)

// answer is a whole response, made before a byte of it is sent, so that a
// fault can still decide what becomes of it.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func newAnswer(status int, contentType string, body []byte) answer {
	header := http.Header{"Cache-Control": {"no-cache, private"}}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	return answer{status: status, header: header, body: body}
}

func jsonAnswer(status int, value any) answer {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	// The product leaves <, > and & as they are.
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return serverError(true)
	}
	return newAnswer(status, "application/json", bytes.TrimSuffix(body.Bytes(), []byte("\n")))
}

// messageAnswer is what the product's exception handler makes: indented JSON,
// or a page when JSON does not come first in Accept.
func messageAnswer(status int, message string, asJSON bool) answer {
	if !asJSON {
		return pageAnswer(status, message)
	}
	// The message may hold a path, and so anything; a string always marshals.
	text, _ := json.Marshal(message)
	return newAnswer(status, "application/json", fmt.Appendf(nil, "{\n    \"message\": %s\n}", text))
}

func pageAnswer(status int, title string) answer {
	title = html.EscapeString(title)
	page := fmt.Sprintf("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n    <meta charset=\"utf-8\">\n    <title>%s</title>\n</head>\n<body>%d %s</body>\n</html>\n", title, status, title)
	return newAnswer(status, "text/html; charset=UTF-8", []byte(page))
}

func serverError(asJSON bool) answer {
	return messageAnswer(http.StatusInternalServerError, "Server Error", asJSON)
}

func unauthenticated() answer {
	return jsonAnswer(http.StatusUnauthorized, map[string]string{"error": "Unauthenticated."})
}

func notFound() answer {
	return jsonAnswer(http.StatusNotFound, map[string]string{"error": "Not Found"})
}

func forbidden(message string) answer {
	return messageAnswer(http.StatusForbidden, message, true)
}

func noContent() answer { return newAnswer(http.StatusNoContent, "", nil) }

// invalid is the answer to fields that failed validation; the message is the
// first of the complaints, and says how many more there are.
func invalid(errors map[string][]string, order ...string) answer {
	message, more := "", -1
	for _, field := range order {
		for _, complaint := range errors[field] {
			if message == "" {
				message = complaint
			}
			more++
		}
	}
	if more == 1 {
		message += " (and 1 more error)"
	} else if more > 1 {
		message += fmt.Sprintf(" (and %d more errors)", more)
	}
	return jsonAnswer(http.StatusUnprocessableEntity, struct {
		Message string              `json:"message"`
		Errors  map[string][]string `json:"errors"`
	}{message, errors})
}

// redirectAnswer is the framework's page for a redirect.
func redirectAnswer(location string) answer {
	escaped := html.EscapeString(location)
	page := fmt.Sprintf("<!DOCTYPE html>\n<html>\n    <head>\n        <meta charset=\"UTF-8\" />\n        <meta http-equiv=\"refresh\" content=\"0;url='%[1]s'\" />\n\n        <title>Redirecting to %[1]s</title>\n    </head>\n    <body>\n        Redirecting to <a href=\"%[1]s\">%[1]s</a>.\n    </body>\n</html>", escaped)
	a := newAnswer(http.StatusFound, "text/html; charset=utf-8", []byte(page))
	a.header.Set("Location", location)
	return a
}
