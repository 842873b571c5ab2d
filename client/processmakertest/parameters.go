package processmakertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"
	"unicode"
)

// parameters are the fields of a request body after the product's clean-up:
// strings are trimmed, passwords are not, and empty strings are absent. Fields
// of the query string are never among them, save at the authorization endpoint,
// where they are all there is.
type parameters map[string]any

// errBody marks a body that claims to be JSON and is none.
var errBody = errors.New("the body is not a JSON object")

// readParameters decodes a body by its content type. A type that is neither
// JSON nor a form gives no parameters, as the product does not guess.
func readParameters(contentType string, body []byte) (parameters, error) {
	mediaType, attributes, _ := mime.ParseMediaType(contentType)
	switch {
	case strings.Contains(contentType, "/json") || strings.Contains(contentType, "+json"):
		return jsonParameters(body)
	case mediaType == "application/x-www-form-urlencoded":
		return formParameters(body), nil
	case mediaType == "multipart/form-data":
		return multipartParameters(body, attributes["boundary"]), nil
	}
	return parameters{}, nil
}

func jsonParameters(body []byte) (parameters, error) {
	if len(body) == 0 {
		return parameters{}, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	// Numbers keep their text: 3 is the client "3" and not "3.0".
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return parameters{}, errBody
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return parameters{}, errBody
	}
	switch value := value.(type) {
	case map[string]any:
		return cleaned(value), nil
	case []any:
		return parameters{}, nil
	}
	return parameters{}, errBody
}

func formParameters(body []byte) parameters {
	// What can be read of a bad form is read, as PHP does.
	values, _ := url.ParseQuery(string(body))
	fields := map[string]any{}
	for name, list := range values {
		fields[name] = list[len(list)-1]
	}
	return cleaned(fields)
}

func multipartParameters(body []byte, boundary string) parameters {
	fields := map[string]any{}
	if boundary == "" {
		return fields
	}
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := reader.NextPart()
		if err != nil {
			return cleaned(fields)
		}
		value, err := io.ReadAll(part)
		if err == nil && part.FormName() != "" && part.FileName() == "" {
			fields[part.FormName()] = string(value)
		}
	}
}

func cleaned(fields map[string]any) parameters {
	out := parameters{}
	for name, value := range fields {
		if name == "password" || name == "password_confirmation" {
			if value != "" {
				out[name] = value
			}
		} else if value = trimmed(value); value != nil {
			out[name] = value
		}
	}
	return out
}

// trimmed trims the strings in a value; an empty string becomes nil.
func trimmed(value any) any {
	switch value := value.(type) {
	case string:
		value = strings.TrimFunc(value, func(r rune) bool {
			// The zero-width marks and the byte order mark count as blanks too.
			return unicode.IsSpace(r) || r == '\uFEFF' || r == '\u200B' || r == '\u200E'
		})
		if value == "" {
			return nil
		}
		return value
	case []any:
		for i := range value {
			value[i] = trimmed(value[i])
		}
	}
	return value
}

// text gives a field that is a string; false when it is absent or something else.
func (p parameters) text(name string) (string, bool) {
	value, ok := p[name].(string)
	return value, ok
}

// scalar gives a field that is a string, a number or a boolean as PHP would
// turn it into a string.
func (p parameters) scalar(name string) (string, bool) {
	switch value := p[name].(type) {
	case string:
		return value, true
	case json.Number:
		return value.String(), true
	case bool:
		if value {
			return "1", true
		}
		return "", true
	}
	return "", false
}
