package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
)

// productSource is the source of the product, and the constants in it.
type productSource struct {
	files     []*productFile
	constants map[string]ast.Expr
}

type productFile struct {
	path   string
	syntax *ast.File
}

func readProduct(t *testing.T) *productSource {
	t.Helper()
	s := &productSource{constants: map[string]ast.Expr{}}
	for _, pattern := range []string{"*.go", "client/*.go", "engine/*.go", "engine/*/*.go", "internal/*/*.go"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			syntax, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			s.files = append(s.files, &productFile{filepath.ToSlash(path), syntax})
			s.noteConstants(syntax)
		}
	}
	return s
}

func (s *productSource) noteConstants(file *ast.File) {
	ast.Inspect(file, func(node ast.Node) bool {
		declared, is := node.(*ast.GenDecl)
		if !is || declared.Tok != token.CONST {
			return true
		}
		for _, spec := range declared.Specs {
			values := spec.(*ast.ValueSpec)
			for i, name := range values.Names {
				if i < len(values.Values) {
					s.constants[file.Name.Name+"."+name.Name] = values.Values[i]
				}
			}
		}
		return true
	})
}

// constant is the text of a constant: a text, a number or a duration.
func (s *productSource) constant(name string) (text string, known bool) {
	expr, known := s.constants[name]
	if !known {
		return "", false
	}
	room, _, _ := strings.Cut(name, ".")
	if literal, is := expr.(*ast.BasicLit); is && literal.Kind == token.STRING {
		text, err := strconv.Unquote(literal.Value)
		return text, err == nil
	}
	number, isDuration, known := s.number(room, expr)
	switch {
	case !known:
		return "", false
	case isDuration:
		return shortDuration(time.Duration(number)), true
	default:
		return strconv.FormatInt(number, 10), true
	}
}

func shortDuration(d time.Duration) string {
	return regexp.MustCompile(`([hm])0[ms](0s)?$`).ReplaceAllString(d.String(), "$1")
}

// number computes a constant.
func (s *productSource) number(room string, expr ast.Expr) (value int64, isDuration, known bool) {
	switch e := expr.(type) {
	case *ast.ParenExpr:
		return s.number(room, e.X)
	case *ast.BasicLit:
		value, err := strconv.ParseInt(strings.ReplaceAll(e.Value, "_", ""), 10, 64)
		return value, false, err == nil
	case *ast.Ident:
		if named, is := s.constants[room+"."+e.Name]; is {
			return s.number(room, named)
		}
	case *ast.SelectorExpr:
		unit, is := map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour}[e.Sel.Name]
		return int64(unit), true, is
	case *ast.CallExpr:
		if literal, is := onlyArgument(e).(*ast.BasicLit); is && calleeOf(e) == "len" {
			text, err := strconv.Unquote(literal.Value)
			return int64(len(text)), false, err == nil
		}
	case *ast.BinaryExpr:
		x, xIs, xKnown := s.number(room, e.X)
		y, yIs, yKnown := s.number(room, e.Y)
		isDuration, known = xIs || yIs, xKnown && yKnown
		switch e.Op {
		case token.ADD:
			return x + y, isDuration, known
		case token.SUB:
			return x - y, isDuration, known
		case token.MUL:
			return x * y, isDuration, known
		case token.SHL:
			return x << y, isDuration, known
		}
	}
	return 0, false, false
}

func onlyArgument(call *ast.CallExpr) ast.Expr {
	if len(call.Args) != 1 {
		return nil
	}
	return call.Args[0]
}

// calleeOf is the name of what is called, with its package or the last part of its receiver.
func calleeOf(call *ast.CallExpr) string { return dotted(call.Fun) }

func dotted(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		from := dotted(e.X)
		return from[strings.LastIndex(from, ".")+1:] + "." + e.Sel.Name
	default:
		return ""
	}
}

// scope renders the texts of one function.
type scope struct {
	*productSource
	room   string
	locals map[string]ast.Expr
}

// scopeOf notes the texts that a declaration keeps in variables.
func (s *productSource) scopeOf(room string, node ast.Node) *scope {
	sc := &scope{s, room, map[string]ast.Expr{}}
	ast.Inspect(node, func(node ast.Node) bool {
		assigned, is := node.(*ast.AssignStmt)
		if !is || assigned.Tok != token.DEFINE || len(assigned.Lhs) != len(assigned.Rhs) {
			return true
		}
		for i, left := range assigned.Lhs {
			name, is := left.(*ast.Ident)
			if is && sc.isText(assigned.Rhs[i]) && sc.locals[name.Name] == nil {
				sc.locals[name.Name] = assigned.Rhs[i]
			}
		}
		return true
	})
	return sc
}

// isText tells whether an expression has words of its own.
func (sc *scope) isText(expr ast.Expr) bool {
	switch e := expr.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING
	case *ast.BinaryExpr:
		return e.Op == token.ADD && (sc.isText(e.X) || sc.isText(e.Y))
	case *ast.CallExpr:
		return calleeOf(e) == "fmt.Sprintf" || calleeOf(e) == "strings.TrimPrefix" && sc.isText(e.Args[0])
	case *ast.Ident:
		text, known := sc.constant(sc.room + "." + e.Name)
		return known && strings.Contains(text, " ") || sc.locals[e.Name] != nil
	default:
		return false
	}
}

// render is the text of an expression, with a word in angle brackets for what only a request tells.
func (sc *scope) render(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.ParenExpr:
		return sc.render(e.X)
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return text
		}
		return e.Value
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return sc.render(e.X) + sc.render(e.Y)
		}
	case *ast.Ident:
		if text, known := sc.constant(sc.room + "." + e.Name); known {
			return text
		}
		if local := sc.locals[e.Name]; local != nil {
			delete(sc.locals, e.Name) // it may be made of itself
			defer func() { sc.locals[e.Name] = local }()
			return sc.render(local)
		}
	case *ast.SelectorExpr:
		if dotted(e) == "problem.Mount" {
			return "processmaker/"
		}
		if text, known := sc.constant(dotted(e)); known {
			return text
		}
	case *ast.CallExpr:
		switch calleeOf(e) {
		case "fmt.Sprintf":
			return sc.format(e.Args)
		case "string", "fmt.Sprint", "strings.TrimPrefix":
			return sc.render(e.Args[0])
		case "beginAgain":
			return `Begin again with "vault write -f processmaker/authorize/<role>"`
		}
	}
	return "<" + sc.placeholder(expr) + ">"
}

var formatVerb = regexp.MustCompile(`%(%|[a-zA-Z])`)

// format fills a format with the words of its arguments.
func (sc *scope) format(args []ast.Expr) string {
	next := 0
	return formatVerb.ReplaceAllStringFunc(sc.render(args[0]), func(verb string) string {
		if verb == "%%" {
			return "%"
		}
		if next++; next >= len(args) {
			return verb
		}
		text := sc.render(args[next])
		if verb == "%d" && text == "<reason>" {
			text = "<number>"
		}
		if verb == "%q" {
			return `"` + text + `"`
		}
		return text
	})
}

// placeholderWords are what readers call what the code has shorter names for.
var placeholderWords = map[string]string{
	"name": "role", "role": "role", "first_name": "role", "bound_name": "role", "entry_name": "role",
	"err": "reason", "why": "reason", "failed": "reason", "told": "reason", "failure": "reason", "unfit": "reason", "cause": "reason", "change_cause": "reason",
	"unreadable": "reason", "unreadable_error": "reason", "in_err": "reason", "shared_why": "reason", "note": "reason",
	"id": "credential_id", "record_id": "credential_id", "held_id": "credential_id", "auth_id": "client_id", "audience": "client_id",
	"asked": "ttl", "life": "time", "age": "time", "wait": "time", "duration": "time",
	"quoted": "field", "sorted": "fields", "values": "values", "peers": "roles", "sessions": "roles", "names": "roles", "role_names": "roles",
	"live": "number", "len": "number", "failed_number": "number", "target": "user_id", "whose": "user_id", "pinned": "user_id",
	"expected": "values", "brief": "duration", "told_cure": "cure", "config_name_cure": "cure", "given": "filters", "reason_for": "reason", "invalid": "reason", "alert": "reason",
	"longest_item": "size", "dns_err_name": "host", "found": "status and form",
	"commands": "command for each", "next": "credential_id", "what": "entry", "name_what": "entry", "name_cure": "what replaces it",
	"least": "least", "most": "most", "longest": "most", "blank": "field",
}

// placeholder names what an expression stands for.
func (sc *scope) placeholder(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.Ident:
		if e.Name == "name" && sc.room == "fields" {
			return "field"
		}
		return readersWord(e.Name)
	case *ast.SelectorExpr:
		from := dotted(e.X)
		if e.Sel.Name == "ID" || e.Sel.Name == "Name" || e.Sel.Name == "What" || e.Sel.Name == "Cure" {
			return readersWord(from[strings.LastIndex(from, ".")+1:] + e.Sel.Name)
		}
		return readersWord(e.Sel.Name)
	case *ast.CallExpr:
		method, is := e.Fun.(*ast.SelectorExpr)
		switch {
		case is && (method.Sel.Name == "Error" || method.Sel.Name == "String" || method.Sel.Name == "Round"):
			return sc.placeholder(method.X)
		case is && method.Sel.Name == "Join" && len(e.Args) > 0:
			return sc.placeholder(e.Args[0])
		case is && method.Sel.Name == "Redacted":
			return "url"
		case is:
			return readersWord(method.Sel.Name)
		}
		return readersWord(calleeOf(e))
	case *ast.IndexExpr:
		return sc.placeholder(e.X)
	case *ast.BinaryExpr:
		return sc.placeholder(e.X)
	default:
		return "value"
	}
}

func readersWord(name string) string {
	var word strings.Builder
	for i, letter := range name {
		if unicode.IsUpper(letter) && i > 0 && !unicode.IsUpper(rune(name[i-1])) {
			word.WriteByte('_')
		}
		word.WriteRune(unicode.ToLower(letter))
	}
	if known, is := placeholderWords[word.String()]; is {
		return known
	}
	return word.String()
}
