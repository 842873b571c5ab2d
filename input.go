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
	value, _, err := in.data.GetOkErr(name)
	if err != nil {
		// The framework's text may quote the value.
		in.err = fmt.Errorf("field %q does not hold what it should", name)
		return nil, false
	}
	return value, true
}

func (in *input) text(name string, into *string) {
	if value, given := in.value(name); given {
		*into, _ = value.(string)
	}
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

func (in *input) list(name string, into *[]string) {
	if value, given := in.value(name); given {
		*into, _ = value.([]string)
	}
}

// secret is a text that is sent as it is. One that ends a line was read from a
// file or a pipe together with its line break, which is hardly ever meant.
func (in *input) secret(name string, into *string) {
	value, given := in.value(name)
	if !given {
		return
	}
	text, _ := value.(string)
	if strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\r") {
		in.err = fmt.Errorf("%s ends in a line break: write it without one, for example with printf %%s", name)
		return
	}
	*into = text
}
