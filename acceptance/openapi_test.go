//go:build unix

package acceptance

// openAPIFile is what the engine publishes of its paths, seen from the root.
const openAPIFile = "testdata/openapi.json"
