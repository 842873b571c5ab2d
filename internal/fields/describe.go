package fields

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
)

// The parts of a parameter's description that path-help shows nowhere else.
const (
	required  = " Required."
	oneOf     = " One of: "
	byDefault = " Default: "
	example   = " Example: "
)

// Describe completes the descriptions of a path's parameters with their values and defaults, before
// the example at their end. A default that is no value stands in the description itself.
func Describe(schemas map[string]*framework.FieldSchema) map[string]*framework.FieldSchema {
	for _, schema := range schemas {
		text, shown, hasExample := strings.Cut(schema.Description, example)
		if len(schema.AllowedValues) > 0 && !strings.Contains(text, oneOf) {
			text += oneOf + strings.Join(allowed(schema), ", ") + "."
		}
		switch {
		case strings.Contains(text, byDefault), strings.Contains(text, required):
		case schema.Required:
			text += required
		default:
			text += byDefault + Default(schema) + "."
		}
		if hasExample {
			text += example + shown
		}
		schema.Description = text
	}
	return schemas
}

// Example is how the parameter is typed, as its description shows it; empty for one without.
func Example(schema *framework.FieldSchema) string {
	_, shown, _ := strings.Cut(schema.Description, example)
	return shown
}

// Meaning is the description without the default and the example.
func Meaning(schema *framework.FieldSchema) string {
	text, _, _ := strings.Cut(schema.Description, example)
	text, _, _ = strings.Cut(text, byDefault+Default(schema)+".")
	text, _, _ = strings.Cut(text, required)
	text, _, _ = strings.Cut(text, oneOf)
	return text
}

// Default is the default of a parameter as a text.
func Default(schema *framework.FieldSchema) string {
	switch value := schema.DefaultOrZero().(type) {
	case int:
		if schema.Type == framework.TypeDurationSecond {
			return brief(time.Duration(value) * time.Second)
		}
		return fmt.Sprint(value)
	case bool:
		return fmt.Sprint(value)
	case string:
		if value != "" {
			return value
		}
	}
	return "none"
}

func allowed(schema *framework.FieldSchema) []string {
	texts := make([]string, 0, len(schema.AllowedValues))
	for _, value := range schema.AllowedValues {
		texts = append(texts, fmt.Sprint(value))
	}
	return texts
}
