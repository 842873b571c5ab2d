// Package architecture keeps the rules of docs/architecture.md: which package may
// import which, how large the root and a signature may be, and that the page's
// picture is that of the code.
package architecture

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "vault-plugin-secrets-processmaker"

// floors are the packages from the ground up: each imports only those of lower
// floors, and none of its own floor.
var floors = [][]string{
	{"internal/background", "internal/clock", "internal/fields", "internal/keylock", "internal/metrics", "internal/problem"},
	{"internal/logingate", "internal/replication", "internal/store", "internal/telemetry"},
	{"client", "engine/lease"},
	{"engine/ledger"},
	{"engine/instance"},
	{"engine/role"},
	{"engine/token"},
	{"engine/session"},
	{"engine/credential"},
	{"engine/reaper", "engine/password"},
	{"engine"},
	{""},
}

// outside are the packages from outside that only some packages may import.
var outside = map[string][]string{
	"github.com/hashicorp/vault/sdk/framework": {"", "internal/fields"},
	"net/http":                            {"", "client"},
	"github.com/prometheus/common/expfmt": {"internal/metrics"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

// packages are those of the product, by their path below the module.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module, module+"/client", module+"/engine/...", module+"/internal/...").Output()
	require.NoError(t, err)
	found := map[string][]string{}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var one listed
		err := decoder.Decode(&one)
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		if !strings.HasSuffix(one.ImportPath, "test") {
			found[below(one.ImportPath)] = one.Imports
		}
	}
}

func below(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, module), "/") }

func floorOf(name string) int {
	return slices.IndexFunc(floors, func(floor []string) bool { return slices.Contains(floor, name) })
}

func TestImportsGoOneWay(t *testing.T) {
	t.Parallel()
	for name, imports := range packages(t) {
		floor := floorOf(name)
		require.GreaterOrEqual(t, floor, 0, "a package without a floor: %q", name)
		for _, path := range imports {
			if allowed, limited := outside[path]; limited {
				require.Contains(t, allowed, name, "imports %s", path)
			}
			if strings.HasPrefix(path, module) {
				require.Less(t, floorOf(below(path)), floor, "%q imports %q", name, below(path))
			}
		}
	}
}

// The engine knows no requests and no answers of Vault.
func TestTheEngineKnowsNoRequests(t *testing.T) {
	t.Parallel()
	for path, file := range productFiles(t) {
		if !strings.HasPrefix(path, "engine/") {
			continue
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if selector, ok := node.(*ast.SelectorExpr); ok {
				if from, ok := selector.X.(*ast.Ident); ok && from.Name == "logical" {
					require.NotContains(t, []string{"Request", "Response", "ErrorResponse", "CodedError"}, selector.Sel.Name, path)
				}
			}
			return true
		})
	}
}

func TestSignaturesStaySmall(t *testing.T) {
	t.Parallel()
	for path, file := range productFiles(t) {
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			where := path + " " + function.Name.Name
			require.LessOrEqual(t, function.Type.Params.NumFields(), 5, where)
			if function.Name.Name == "HandleExistenceCheck" { // Vault's own
				continue
			}
			require.LessOrEqual(t, resultsBesidesError(function), 2, where)
		}
	}
}

func resultsBesidesError(function *ast.FuncDecl) int {
	count := function.Type.Results.NumFields()
	if count == 0 {
		return 0
	}
	for _, result := range function.Type.Results.List {
		kind := result.Type
		if pointer, ok := kind.(*ast.StarExpr); ok {
			kind = pointer.X
		}
		if name, ok := kind.(*ast.Ident); ok && (name.Name == "error" || name.Name == "Error") {
			return count - 1
		}
	}
	return count
}

func TestTheRootStaysSmall(t *testing.T) {
	t.Parallel()
	files, lines := 0, 0
	for path, file := range productFiles(t) {
		if strings.Contains(path, "/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", "..", path))
		require.NoError(t, err)
		files, lines = files+1, lines+strings.Count(string(text), "\n")
		ast.Inspect(file, func(node ast.Node) bool {
			if object, ok := node.(*ast.StructType); ok {
				require.LessOrEqual(t, object.Fields.NumFields(), 6, path)
			}
			return true
		})
	}
	require.LessOrEqual(t, files, 16)
	require.Less(t, lines, 2600)
	tests, err := filepath.Glob("../../*_test.go")
	require.NoError(t, err)
	require.LessOrEqual(t, len(tests), 20)
}

func TestFilesStayShort(t *testing.T) {
	t.Parallel()
	walk(t, func(path string) {
		text, err := os.ReadFile(filepath.Join("..", "..", path))
		require.NoError(t, err)
		longest := 300
		if strings.HasPrefix(path, "test/") || strings.HasSuffix(path, "_test.go") {
			longest = 600
		}
		require.LessOrEqual(t, strings.Count(string(text), "\n"), longest, path)
	})
}

// All lines go through one place, which says where they belong.
func TestNobodyLogsPastTheLog(t *testing.T) {
	t.Parallel()
	walkProduct(t, func(path, text string) {
		if path != "backend.go" {
			require.NotContains(t, text, "Logger()", path)
		}
	})
}

// The picture on the page shows each package, and each import between two
// packages of the engine.
func TestThePictureIsThatOfTheCode(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/architecture.md")
	require.NoError(t, err)
	drawn := map[string]bool{}
	for _, arrow := range regexp.MustCompile(`(?m)^  (\w+) --> ([\w &]+)$`).FindAllStringSubmatch(string(page), -1) {
		for _, to := range strings.Split(arrow[2], " & ") {
			drawn[arrow[1]+" "+to] = true
		}
	}
	imported := map[string]bool{}
	for name, imports := range packages(t) {
		if !drawable(name) {
			continue
		}
		for _, path := range imports {
			if to := below(path); strings.HasPrefix(path, module) && drawable(to) {
				imported[room(name)+" "+room(to)] = true
			}
		}
	}
	require.Equal(t, imported, drawn)
}

// drawable leaves the tools out of the picture: everything may import them.
func drawable(name string) bool { return !strings.HasPrefix(name, "internal/") && name != module }

func room(name string) string {
	if name == "" {
		return "root"
	}
	return strings.TrimPrefix(name, "engine/")
}

func productFiles(t *testing.T) map[string]*ast.File {
	t.Helper()
	found := map[string]*ast.File{}
	walk(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "client/processmakertest") || strings.Contains(path, "clocktest") {
			return
		}
		top, _, nested := strings.Cut(path, "/")
		if nested && !slices.Contains([]string{"client", "engine", "internal"}, top) {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", path), nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		found[path] = file
	})
	require.Greater(t, len(found), 60)
	return found
}

// walk calls do for each Go file of the repository.
func walk(t *testing.T, do func(path string)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel("../..", path)
		if entry.IsDir() {
			if name == "bin" || name == "dist" || name == "tools" || (name != "." && strings.HasPrefix(name, ".")) {
				return filepath.SkipDir
			}
			return err
		}
		if strings.HasSuffix(name, ".go") {
			do(filepath.ToSlash(name))
		}
		return err
	}))
}
