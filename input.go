package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
)

// input applies the fields of a write to what is stored: a field that is given
// replaces, null puts its default back, one that is absent changes nothing.
// The first error is kept.
type input struct {
	data *framework.FieldData
	err  error
}

// value returns a given field, or its default for null.
func (in *input) value(name string) (value any, given bool) {
	raw, given := in.data.Raw[name]
	if !given || in.err != nil {
		return nil, false
	}
	if raw == nil {
		return in.data.Schema[name].DefaultOrZero(), true
	}
	if in.err = misfit(name, raw, in.data.Schema[name].Type); in.err != nil {
		return nil, false
	}
	value, _, err := in.data.GetOkErr(name)
	if err != nil {
		// The framework's text may quote the value.
		in.err = fmt.Errorf("field %q does not hold what it should", name)
		return nil, false
	}
	return value, true
}

// misfit refuses what the framework would silently take for something else: a
// truth for the text "1", and nothing for 0 or false.
func misfit(name string, raw any, wanted framework.FieldType) error {
	_, truth := raw.(bool)
	isText := wanted == framework.TypeString
	switch {
	case isText && truth:
		return fmt.Errorf("field %q must be a text", name)
	case !isText && wanted != framework.TypeCommaStringSlice && raw == "":
		return fmt.Errorf("field %q is empty: leave it out, or set its default back with a PATCH and null", name)
	default:
		return nil
	}
}

// checked takes a text that check has nothing against.
func (in *input) checked(name string, into *string, check func(name, text string) error) {
	value, given := in.value(name)
	if !given {
		return
	}
	text, _ := value.(string)
	if in.err = check(name, text); in.err == nil {
		*into = text
	}
}

// text is one line for people.
func (in *input) text(name string, into *string) { in.checked(name, into, checkLine) }

// address is one line of which every character is seen.
func (in *input) address(name string, into *string) { in.checked(name, into, checkVisible) }

// secret is a text that is sent as it is.
func (in *input) secret(name string, into *string) { in.checked(name, into, checkSecret) }

// pem is a text of many lines.
func (in *input) pem(name string, into *string) {
	in.checked(name, into, func(name, text string) error { return checkLength(name, text, longestPEM) })
}

// choice is a text out of a few.
func (in *input) choice(name string, into *string) {
	value, given := in.value(name)
	if !given {
		return
	}
	text, _ := value.(string)
	allowed := make([]string, 0, len(in.data.Schema[name].AllowedValues))
	for _, one := range in.data.Schema[name].AllowedValues {
		allowed = append(allowed, fmt.Sprint(one))
	}
	if !slices.Contains(allowed, text) {
		// The value is left out: a secret may have been put into the wrong
		// field, and errors stand in the audit log in clear.
		in.err = fmt.Errorf("%s does not hold one of its values, which are: %s", name, strings.Join(allowed, ", "))
		return
	}
	*into = text
}

func (in *input) boolean(name string, into *bool) {
	if value, given := in.value(name); given {
		*into, _ = value.(bool)
	}
}

// fraction refuses a number with a fraction, which would be cut off silently.
func (in *input) fraction(name string) bool {
	var number float64
	switch raw := in.data.Raw[name].(type) {
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
	in.err = fmt.Errorf("%s has to be a whole number", name)
	return true
}

func (in *input) number(name string, into *int, least, most int) {
	value, given := in.value(name)
	if !given || in.fraction(name) {
		return
	}
	number, _ := value.(int)
	if number < least || number > most {
		in.err = fmt.Errorf("%s cannot be %d: it lies between %d and %d", name, number, least, most)
		return
	}
	*into = number
}

func (in *input) duration(name string, into *time.Duration, least, most time.Duration) {
	value, given := in.value(name)
	if !given || in.fraction(name) {
		return
	}
	seconds, _ := value.(int)
	duration := time.Duration(seconds) * time.Second
	if duration < least || duration > most {
		in.err = fmt.Errorf("%s cannot be %s: it lies between %s and %s", name, duration, least, most)
		return
	}
	*into = duration
}

func (in *input) scopes(name string, into *[]string) {
	value, given := in.value(name)
	if !given {
		return
	}
	scopes, _ := value.([]string)
	if in.err = checkScopes(name, scopes); in.err == nil {
		*into = scopes
	}
}
