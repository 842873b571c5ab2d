package faults

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"vault-plugin-secrets-processmaker/client/processmakertest"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

// confusion makes another answer of a true one.
type confusion func(*processmakertest.Reply)

// confusionsOf are the ways in which an answer can be confused: each of its
// fields, nested ones too, in each type of JSON, and the answer as a whole.
func confusionsOf(reply processmakertest.Reply) map[string]confusion {
	all := wholeConfusions(reply)
	for _, field := range fieldsOf(reply.Body) {
		for kind, value := range wrongValues() {
			all[field.String()+" = "+kind] = field.set(value)
		}
		if len(field) == 1 {
			all[field.String()+" twice, the first one wrong"] = field.twice(true)
			all[field.String()+" twice, the last one wrong"] = field.twice(false)
		}
	}
	return all
}

// wrongValues are what can stand where something else belongs; nothing at all
// where the value is nil.
func wrongValues() map[string]json.RawMessage {
	const text = `"` + mounttest.Canary + `"`
	values := map[string]json.RawMessage{"missing": nil}
	for name, value := range map[string]string{
		"null": "null", "true": "true", "false": "false", "number": "7", "negative number": "-7", "huge number": "1e400",
		"text": text, "empty text": `""`, "list": "[" + text + "]", "empty list": "[]", "object": `{"id":` + text + "}",
		"nested list": strings.Repeat("[", 10) + text + strings.Repeat("]", 10),
	} {
		values[name] = json.RawMessage(value)
	}
	return values
}

// replyField is where in an answer a field is: names of objects, numbers of
// lists, and "claims" for what is inside a token.
type replyField []any

const insideToken = "(claims)"

func (f replyField) String() string {
	names := make([]string, len(f))
	for i, name := range f {
		names[i] = fmt.Sprint(name)
	}
	return strings.Join(names, ".")
}

// fieldsOf finds the fields of an answer; none where it is not JSON.
func fieldsOf(body []byte) (fields []replyField) {
	var walk func(value any, at replyField)
	below := func(at replyField, name any, value any) {
		field := append(replyField(nil), at...)
		field = append(field, name)
		fields = append(fields, field)
		walk(value, field)
	}
	walk = func(value any, at replyField) {
		switch value := value.(type) {
		case map[string]any:
			for name, inner := range value {
				below(at, name, inner)
			}
		case []any:
			for i, inner := range value {
				below(at, i, inner)
			}
		case string:
			// Of the claims only those that are read: no confused one leaves a
			// token that ProcessMaker accepts.
			if _, err := claimsOf(value); err == nil {
				for _, claim := range []string{"jti", "sub", "exp"} {
					fields = append(fields, append(append(replyField(nil), at...), insideToken, claim))
				}
			}
		}
	}
	if root, err := decodeNumbers(body); err == nil {
		walk(root, nil)
	}
	return fields
}

// set puts value in place of the field.
func (f replyField) set(value json.RawMessage) confusion {
	return func(r *processmakertest.Reply) {
		if root, err := decodeNumbers(r.Body); err == nil {
			r.Body = mustMarshal(f.put(root, value))
		}
	}
}

// put returns where with another value at f; it has to be there.
func (f replyField) put(where any, value json.RawMessage) any {
	if len(f) == 0 {
		return value
	}
	switch where := where.(type) {
	case map[string]any:
		name := f[0].(string)
		if len(f) == 1 && value == nil {
			delete(where, name)
		} else {
			where[name] = f[1:].put(where[name], value)
		}
		return where
	case []any:
		i := f[0].(int)
		if len(f) == 1 && value == nil {
			return append(where[:i:i], where[i+1:]...)
		}
		where[i] = f[1:].put(where[i], value)
		return where
	case string:
		claims, _ := claimsOf(where)
		parts := strings.Split(where, ".")
		parts[1] = base64.RawURLEncoding.EncodeToString(mustMarshal(f[1:].put(claims, value)))
		return strings.Join(parts, ".")
	}
	return where
}

// twice gives a field of the outermost object a second time.
func (f replyField) twice(wrongFirst bool) confusion {
	return func(r *processmakertest.Reply) {
		body := bytes.TrimSpace(r.Body)
		wrong := fmt.Sprintf(`%q:[%q]`, f[0], mounttest.Canary)
		if wrongFirst {
			r.Body = []byte("{" + wrong + "," + string(body[1:]))
			return
		}
		r.Body = []byte(string(body[:len(body)-1]) + "," + wrong + "}")
	}
}

// wholeConfusions are what can become of an answer as a whole.
func wholeConfusions(reply processmakertest.Reply) map[string]confusion {
	const limit = 1 << 20
	text := `"` + mounttest.Canary + `"`
	body := func(change func(body string) string) confusion {
		return func(r *processmakertest.Reply) { r.Body = []byte(change(string(r.Body))) }
	}
	becomes := func(what string) confusion { return body(func(string) string { return what }) }
	padded := func(size int) confusion {
		return body(func(b string) string { return b + strings.Repeat(" ", max(0, size-len(b))) })
	}
	all := map[string]confusion{
		"1 MiB":          padded(limit),
		"1 MiB and more": padded(limit + 1),
		"4 MiB and more": padded(4*limit + 1),
		"BOM":            body(func(b string) string { return "\xef\xbb\xbf" + b }),
		"UTF-16":         body(func(b string) string { return "\xff\xfe" + strings.Join(strings.Split(b, ""), "\x00") + "\x00" }),
		"invalid UTF-8":  body(func(b string) string { return strings.Replace(b, "{", "{\"\xff\xfe\":\"\xff\xfe\",", 1) }),
		"NUL":            body(func(b string) string { return b + "\x00" }),
		"empty":          becomes(""),
		"blank":          becomes("\n"),
		"null":           becomes("null"),
		"list":           becomes("[" + text + "]"),
		"empty list":     becomes("[]"),
		"empty object":   becomes("{}"),
		"text":           becomes(text),
		"number":         becomes("1e400"),
		"true":           becomes("true"),
		"page":           becomes("<html>" + mounttest.Canary),
		"very deep":      becomes(strings.Repeat("[", 20_000)),
		"in a list":      body(func(b string) string { return "[" + b + "]" }),
		"as a text":      body(func(b string) string { return string(mustMarshal(b)) }),
		"under data":     body(func(b string) string { return `{"data":` + b + "}" }),
		"cut short":      body(func(b string) string { return b[:len(b)/2] }),
		"two documents":  body(func(b string) string { return b + b }),
		"a second one":   body(func(b string) string { return b + text }),
		"204 and a body": func(r *processmakertest.Reply) { r.Status = http.StatusNoContent },
	}
	for _, status := range []int{200, 201, 202, 203, 204, 205, 206, 226} {
		if status != reply.Status {
			all[fmt.Sprint("HTTP ", status)] = func(r *processmakertest.Reply) { r.Status = status }
		}
	}
	for _, kind := range []string{
		"text/html", "text/plain", "application/problem+json", "text/json", "*/*", "application/json; charset=UTF-16",
		"application/json; charset=x-nobody-knows", "application/json; charset=\"", "APPLICATION/JSON", "application/json, text/html", mounttest.Canary,
	} {
		all["type "+kind] = func(r *processmakertest.Reply) { r.Header.Set("Content-Type", kind) }
	}
	all["no type"] = func(r *processmakertest.Reply) { r.Header["Content-Type"] = nil }
	return all
}

// claimsOf reads the claims of a token.
func claimsOf(token string) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%d parts", len(parts))
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	claims, err := decodeNumbers(payload)
	if object, ok := claims.(map[string]any); ok {
		return object, err
	}
	return nil, fmt.Errorf("no claims: %w", err)
}

// decodeNumbers keeps numbers as they are written.
func decodeNumbers(text []byte) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}

// mustMarshal: what came out of JSON goes back into it.
func mustMarshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}
