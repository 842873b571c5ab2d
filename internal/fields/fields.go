// Package fields reads the fields of a write and refuses values that cannot be meant. Its errors
// name the field and repeat no text: a secret may have been put into the wrong field, and errors
// stand in the audit log in clear.
package fields

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/vault/sdk/framework"
)

// Input applies the fields of a write to what is stored: a field that is given replaces, null puts
// its default back, one that is absent changes nothing.
type Input struct {
	Data *framework.FieldData
	// Err is the first error.
	Err error
}

// Given tells whether the write has the field, be it null.
func (in *Input) Given(name string) bool {
	_, given := in.Data.Raw[name]
	return given
}

// Null tells whether the write puts the field's default back.
func (in *Input) Null(name string) bool {
	raw, given := in.Data.Raw[name]
	return given && raw == nil
}

// value returns a given field, or its default for null.
func (in *Input) value(name string) (value any, given bool) {
	raw, given := in.Data.Raw[name]
	if !given || in.Err != nil {
		return nil, false
	}
	if raw == nil {
		return in.Data.Schema[name].DefaultOrZero(), true
	}
	if in.Err = misfit(name, raw, in.Data.Schema[name]); in.Err != nil {
		return nil, false
	}
	value, _, err := in.Data.GetOkErr(name)
	if err != nil {
		// The framework's text may quote the value.
		in.Err = Misfit(name, in.Data.Schema[name])
		return nil, false
	}
	return value, true
}

// Misfit is the error about a value of the wrong type. It repeats nothing of the value.
func Misfit(name string, schema *framework.FieldSchema) error {
	if schema.Type == framework.TypeString && Example(schema) != "" {
		return fmt.Errorf("field %q expects a text, for example %s", name, Example(schema))
	}
	return fmt.Errorf("field %q expects %s", name, expected(schema))
}

func expected(schema *framework.FieldSchema) string {
	switch schema.Type {
	case framework.TypeBool:
		return "true or false"
	case framework.TypeInt:
		return "a whole number such as 20"
	case framework.TypeDurationSecond:
		return "a duration such as 90s, 15m or 24h"
	case framework.TypeCommaStringSlice:
		return "a list such as read,write"
	default:
		return "a text"
	}
}

// brief leaves out the zeros of a duration's text.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// misfit refuses what the framework would silently convert: a truth, or nothing, to another value.
func misfit(name string, raw any, schema *framework.FieldSchema) error {
	_, truth := raw.(bool)
	isText := schema.Type == framework.TypeString
	switch {
	case isText && truth:
		return Misfit(name, schema)
	case !isText && schema.Type != framework.TypeCommaStringSlice && raw == "":
		return fmt.Errorf("field %q is empty: leave it out, or set its default back with a PATCH and null", name)
	default:
		return nil
	}
}

func take[T any](in *Input, name string, into *T, check func(name string, value T) error) {
	value, given := in.value(name)
	if !given {
		return
	}
	taken, _ := value.(T)
	if in.Err = check(name, taken); in.Err == nil {
		*into = taken
	}
}

// Text is one line for people.
func (in *Input) Text(name string, into *string) { take(in, name, into, checkLine) }

// Address is one line of which every character is seen.
func (in *Input) Address(name string, into *string) { take(in, name, into, checkVisible) }

// Secret is a text that is sent as it is.
func (in *Input) Secret(name string, into *string) { take(in, name, into, checkSecret) }

// PEM is a text of many lines.
func (in *Input) PEM(name string, into *string) {
	take(in, name, into, func(name, text string) error { return checkLength(name, text, longestPEM) })
}

// Choice is a text out of a few.
func (in *Input) Choice(name string, into *string) {
	take(in, name, into, func(name, text string) error {
		values := allowed(in.Data.Schema[name])
		if slices.Contains(values, text) {
			return nil
		}
		// The value is left out: it may be a secret in the wrong field.
		return fmt.Errorf("field %q must be one of: %s", name, strings.Join(values, ", "))
	})
}

// Boolean is a truth.
func (in *Input) Boolean(name string, into *bool) {
	if value, given := in.value(name); given {
		*into, _ = value.(bool)
	}
}

// fraction refuses a number with a fraction, which would be cut off silently.
func (in *Input) fraction(name string) bool {
	var number float64
	switch raw := in.Data.Raw[name].(type) {
	case float64:
		number = raw
	case json.Number:
		number, _ = raw.Float64()
	case string:
		number, _ = strconv.ParseFloat(raw, 64)
	}
	if number == math.Trunc(number) {
		return false
	}
	in.Err = fmt.Errorf("field %q expects a whole number such as 20, without a fraction", name)
	return true
}

// Number is a whole number from least to most.
func (in *Input) Number(name string, into *int, least, most int) {
	value, given := in.value(name)
	if !given || in.fraction(name) {
		return
	}
	number, _ := value.(int)
	if number < least || number > most {
		in.Err = fmt.Errorf("field %q expects a whole number from %d to %d, and %d was given", name, least, most, number)
		return
	}
	*into = number
}

// Duration is a number of whole seconds, or a text such as 90m, from least to most.
func (in *Input) Duration(name string, into *time.Duration, least, most time.Duration) {
	value, given := in.value(name)
	if !given || in.fraction(name) {
		return
	}
	seconds, _ := value.(int)
	duration := time.Duration(seconds) * time.Second
	if duration < least || duration > most {
		in.Err = fmt.Errorf("field %q expects a duration such as 90s, 15m or 24h (%s to %s), and %s was given", name, brief(least), brief(most), brief(duration))
		return
	}
	*into = duration
}

// Scopes are those of RFC 6749 §3.3.
func (in *Input) Scopes(name string, into *[]string) { take(in, name, into, checkScopes) }

const (
	// longestText is far above any text that ProcessMaker knows, and far below what storage takes.
	longestText = 4 << 10
	// longestPEM has room for the root certificates of a whole system.
	longestPEM = 256 << 10
)

// checkLength refuses a text that is too long, or that storage would change.
func checkLength(name, text string, longest int) error {
	switch {
	case len(text) > longest:
		return fmt.Errorf("%s has %d bytes, and at most %d are possible", name, len(text), longest)
	case !utf8.ValidString(text):
		return fmt.Errorf("%s is not UTF-8: write it in that encoding", name)
	default:
		return nil
	}
}

// checkLine refuses what would break out of one line of a header, a log or a table.
func checkLine(name, text string) error {
	if err := checkLength(name, text, longestText); err != nil {
		return err
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("%s holds a line break or another control character: write one line, for example with printf %%s", name)
	}
	return nil
}

// checkVisible also refuses what nobody sees: it makes two addresses look the same.
func checkVisible(name, text string) error {
	if err := checkLine(name, text); err != nil {
		return err
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Cf, r) }) {
		return fmt.Errorf("%s holds an invisible character: type it again in place of pasting it", name)
	}
	return nil
}

// checkSecret refuses a secret with the line break of a file or a pipe, which is hardly ever meant.
func checkSecret(name, text string) error {
	if err := checkLength(name, text, longestText); err != nil {
		return err
	}
	if strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\r") {
		return fmt.Errorf("%s ends in a line break: write it without one, for example with printf %%s", name)
	}
	return nil
}

// checkScopes allows what RFC 6749 §3.3 does: a blank would make two of one.
func checkScopes(name string, scopes []string) error {
	if err := checkLength(name, strings.Join(scopes, " "), longestText); err != nil {
		return err
	}
	for _, scope := range scopes {
		if scope == "" || strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			return fmt.Errorf("%s holds one that is empty or has a character that scopes cannot have: ProcessMaker defines none, so leave it out", name)
		}
	}
	return nil
}
