package main

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"vault-plugin-secrets-processmaker/test/mounttest"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/stretchr/testify/require"
)

// update writes golden files anew instead of comparing with them.
var update = flag.Bool("update", false, "write golden files anew")

const openAPIFile = "testdata/openapi.json"

// TestOpenAPIIsAsPublished: what tools and people were told of paths, fields
// and answers changes only on purpose. After a wanted change, run
// "go test . -run OpenAPI -update" and look at the difference.
func TestOpenAPIIsAsPublished(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	resp, err := h.Request(t.Context(), logical.HelpOperation, "", map[string]any{"requestResponsePrefix": "processmaker"})
	require.NoError(t, err, h.Log.String())
	document, err := json.MarshalIndent(resp.Data["openapi"], "", "  ")
	require.NoError(t, err)
	document = append(document, '\n')
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(openAPIFile, document, 0o644))
	}
	require.Equal(t, mounttest.TextOf(t, openAPIFile), string(document))
}
