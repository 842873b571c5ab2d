package fields

import (
	"testing"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/stretchr/testify/require"
)

func TestDescriptionsAreCompleted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		schema          *framework.FieldSchema
		shown, meaning  string
		misfit, example string
	}{
		"required": {
			&framework.FieldSchema{Type: framework.TypeString, Required: true, Description: "An address. Example: x=https://a"},
			"An address. Required. Example: x=https://a", "An address.", `field "x" expects a text, for example x=https://a`, "x=https://a",
		},
		"a duration": {
			&framework.FieldSchema{Type: framework.TypeDurationSecond, Default: 3600, Description: "A time. Example: x=30m"},
			"A time. Default: 1h. Example: x=30m", "A time.", `field "x" expects a duration such as 90s, 15m or 24h`, "x=30m",
		},
		"a choice": {
			&framework.FieldSchema{Type: framework.TypeString, Default: "a", AllowedValues: []any{"a", "b"}, Description: "A kind."},
			"A kind. One of: a, b. Default: a.", "A kind.", `field "x" expects a text`, "",
		},
		"a default in words": {
			&framework.FieldSchema{Type: framework.TypeString, Description: "A name. Default: the host of url. Example: x=a"},
			"A name. Default: the host of url. Example: x=a", "A name. Default: the host of url.", `field "x" expects a text, for example x=a`, "x=a",
		},
		"none": {
			&framework.FieldSchema{Type: framework.TypeCommaStringSlice, Description: "Some."},
			"Some. Default: none.", "Some.", `field "x" expects a list such as read,write`, "",
		},
		"a truth": {
			&framework.FieldSchema{Type: framework.TypeBool, Description: "Whether."},
			"Whether. Default: false.", "Whether.", `field "x" expects true or false`, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // a field may be that of two paths
				Describe(map[string]*framework.FieldSchema{"x": test.schema})
				require.Equal(t, test.shown, test.schema.Description)
			}
			require.Equal(t, test.meaning, Meaning(test.schema))
			require.Equal(t, test.example, Example(test.schema))
			require.EqualError(t, Misfit("x", test.schema), test.misfit)
		})
	}
}
