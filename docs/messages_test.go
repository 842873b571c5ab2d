package docs_test

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/internal/problem"
	"vault-plugin-secrets-processmaker/test/mounttest"
)

// update writes the page anew instead of comparing with it.
var update = flag.Bool("update", false, "write docs/messages.md anew")

const messagesPage = "docs/messages.md"

var generatedMessages = regexp.MustCompile(`(?s)<!-- messages -->\n.*<!-- end -->`)

// Every error, warning and help text of the product stands on the page, as the code has it. After a
// wanted change, run "make messages".
func TestTheMessagesPageIsComplete(t *testing.T) {
	t.Parallel()
	page := mounttest.TextOf(t, messagesPage)
	require.Regexp(t, generatedMessages, page)
	source := readProduct(t)
	generated := generatedMessages.ReplaceAllLiteralString(page, "<!-- messages -->\n"+source.messageTables(t)+source.helpList(t)+"<!-- end -->")
	if *update {
		require.NoError(t, os.WriteFile(messagesPage, []byte(generated), 0o644))
		return
	}
	require.Equal(t, generated, page, "run \"make messages\"")
}

// A message that the page explains is one of the product, in its own words.
func TestTheMessagesPageExplainsRealMessages(t *testing.T) {
	t.Parallel()
	table := sectionOf(t, messagesPage, "Causes and cures")
	tables := strings.ReplaceAll(generatedMessages.FindString(mounttest.TextOf(t, messagesPage)), "\\|", "|")
	quoted := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1)
	require.Greater(t, len(quoted), 25)
	for _, message := range quoted {
		require.Contains(t, tables, message[1])
	}
}

// No message speaks of a mount or a role in general where it knows which.
func TestMessagesNameTheMount(t *testing.T) {
	t.Parallel()
	for _, file := range readProduct(t).files {
		text := mounttest.TextOf(t, file.path)
		if file.path != "internal/problem/problem.go" && !strings.HasPrefix(file.path, "path_") {
			require.NotContains(t, text, `<mount>`, file.path)
		}
		require.NotContains(t, text, "Who ", file.path)
	}
}

// message is one text for people. Of an error that goes on another one, the status is that of the other.
type message struct{ text, status, cure string }

// area is a part of the product in the order of the page.
type area struct {
	title, about string
	// status is that of errors that tell none.
	status string
	files  []string
}

const ofCause = "as its cause"

var areas = []area{
	{"Requests and fields", "A request that no path takes, or a field with a value that it cannot have. Nothing was changed.", "400", []string{"guard.go", "internal/fields/*.go"}},
	{"The config", "A write of `config`. Nothing was stored.", "400", []string{"path_config.go", "engine/instance/*.go", "client/config.go"}},
	{"Roles", "A write of `roles/<name>`, or a use of a role that does not fit the config. Nothing was stored.", "400", []string{"path_roles.go", "engine/role/role.go", "engine/role/store.go", "engine/role/binding.go", "engine/role/schedule.go"}},
	{"Reading tokens", "A read of `creds/<role>` or `static-creds/<role>`.", ofCause, []string{"path_creds.go", "path_static_creds.go", "engine/credential/issue.go", "engine/credential/personal.go", "engine/credential/shared.go", "engine/token/login.go", "engine/token/twin.go", "engine/token/custody.go", "internal/logingate/*.go"}},
	{"Renewals and revocations", "A renewal or revocation of a lease. Vault answers each error with 400.", "400", []string{"lease.go", "engine/credential/renew.go", "engine/credential/doubt.go", "engine/credential/revoke.go", "engine/credential/lookup.go", "engine/credential/ended.go", "engine/lease/*.go", "engine/token/refresh.go", "engine/token/doubt.go"}},
	{"Sessions and sign-ins", "`sessions/<role>` and `authorize/<role>`, and reads of a role that makes its tokens with a session.", ofCause, []string{"path_sessions.go", "engine/session/*.go"}},
	{"Credentials", "`credentials/` and `tidy`.", ofCause, []string{"path_credentials.go", "path_tidy.go", "engine/reaper/*.go", "engine/ledger/*.go"}},
	{"Rotation of passwords", "`rotate-role/<role>`, and rotations by schedule.", ofCause, []string{"path_rotate_role.go", "engine/password/*.go", "engine/role/pending_password.go"}},
	{"State of the mount", "`status`, `metrics`, and changes of the mount as a whole.", ofCause, []string{"path_status.go", "path_metrics.go", "engine/*.go", "backend.go", "respond.go", "main.go", "version.go"}},
	{"Answers of ProcessMaker", "An answer that the engine cannot use, or a failure on the way to ProcessMaker. These texts stand within other messages, most often in the brackets of `ProcessMaker cannot be reached (…)`.", "502", []string{"client/*.go"}},
	{"Storage and the plugin", "An entry of Vault's storage that this release cannot use, and faults of the plugin itself.", "500", []string{"internal/*/*.go"}},
}

func (s *productSource) messageTables(t *testing.T) string {
	t.Helper()
	found := map[string]map[message]bool{}
	for _, file := range s.files {
		in := slices.IndexFunc(areas, func(a area) bool {
			return slices.ContainsFunc(a.files, func(pattern string) bool {
				matches, err := path.Match(pattern, file.path)
				return err == nil && matches
			})
		})
		require.GreaterOrEqual(t, in, 0, "the page has no section for the messages of %s", file.path)
		area := areas[in]
		if found[area.title] == nil {
			found[area.title] = map[message]bool{}
		}
		for one := range s.messagesOf(file) {
			one.status = cmp.Or(one.status, area.status)
			found[area.title][one] = true
		}
	}
	var text strings.Builder
	for _, area := range areas {
		require.NotEmpty(t, found[area.title], area.title)
		fmt.Fprintf(&text, "\n### %s\n\n%s\n\n| Message | Status | What to do |\n| :- | :- | :- |\n", area.title, area.about)
		var rows []string
		for one := range found[area.title] {
			rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", inCell(one.text), one.status, proseCell(one.cure)))
		}
		slices.SortFunc(rows, func(a, b string) int { return cmp.Compare(strings.ToLower(a), strings.ToLower(b)) })
		text.WriteString(strings.Join(rows, ""))
	}
	return text.String()
}

func inCell(text string) string {
	return strings.NewReplacer("|", `\|`, "`", "'", "\n", " ").Replace(text)
}

var quotedCommand = regexp.MustCompile("\"((?:vault|php artisan) [^\"]*)\"")

// proseCell shows commands as such, and what a request tells in angle brackets.
func proseCell(text string) string {
	var cell strings.Builder
	from := 0
	plain := func(part string) { cell.WriteString(strings.ReplaceAll(inCell(part), "<", `\<`)) }
	for _, at := range quotedCommand.FindAllStringSubmatchIndex(text, -1) {
		plain(text[from:at[0]])
		cell.WriteString("`" + inCell(text[at[2]:at[3]]) + "`")
		from = at[1]
	}
	plain(text[from:])
	return cell.String()
}

// collector gathers the messages of one declaration.
type collector struct {
	*scope
	file  string
	found map[message]bool
}

func (s *productSource) messagesOf(file *productFile) map[message]bool {
	found := map[message]bool{}
	for _, declared := range file.syntax.Decls {
		c := &collector{s.scopeOf(file.syntax.Name.Name, declared), file.path, found}
		ast.Inspect(declared, c.visit)
		if function, is := declared.(*ast.FuncDecl); is {
			c.returned(function)
		}
	}
	return found
}

var (
	inBrackets = regexp.MustCompile(`<[^<>]*>`)
	wordOfOne  = regexp.MustCompile(`\b\pL{2,}\b`)
)

// toldToNobody are errors between functions, and a message of which only the form stands in the code.
var toldToNobody = []string{
	"the token lives", "out of reach", "the config is still needed", "configuration passed into backend is nil",
	`role "<role>": <format>; read the role again with "vault read processmaker/creds/<role>"`,
}

// add leaves out what only hands another message on.
func (c *collector) add(text, status, cure string) {
	own := strings.ReplaceAll(inBrackets.ReplaceAllString(text, ""), `role "`, "")
	if len(wordOfOne.FindAllString(own, -1)) > 1 && !slices.Contains(toldToNobody, text) {
		c.found[message{text, status, cure}] = true
	}
}

func (c *collector) visit(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.CallExpr:
		c.called(n)
	case *ast.CompositeLit:
		c.composed(n)
	case *ast.BlockStmt:
		c.assigned(n.List, "")
	case *ast.CaseClause:
		c.assigned(n.Body, statusOfKinds(n.List))
	}
	return true
}

func (c *collector) called(call *ast.CallExpr) {
	switch callee := calleeOf(call); callee {
	case "problem.Refuse":
		c.add(c.render(call.Args[0]), "400", c.render(call.Args[1]))
	case "problem.Refusef":
		c.add(c.format(call.Args), "400", "")
	case "problem.Conflictf":
		c.add(c.format(call.Args), "409", "")
	case "problem.Explain":
		c.add(c.render(call.Args[1]), ofCause, "")
	case "notFound":
		c.add(c.format(call.Args), "404", "")
	case "outOfReach":
		c.add("credential <credential_id> "+c.render(call.Args[1]), ofCause, `Drop its record without ending its token with "vault write processmaker/credentials/<credential_id>/revoke force=true"`)
	case "refuse":
		c.add(`role "<role>": `+c.format(call.Args), "400", `Read the role again with "vault read processmaker/creds/<role>"`)
	case "fmt.Errorf":
		c.add(c.format(call.Args), "", "")
	case "errors.New":
		c.add(c.render(call.Args[0]), "", "")
	case "logical.ErrorResponse":
		c.add(c.render(call.Args[0]), "400", "")
	case "warned":
		c.warns(call.Args)
	case "append":
		if strings.HasSuffix(strings.ToLower(dotted(call.Args[0])), "warnings") {
			c.warns(call.Args[1:])
		}
	default:
		if strings.HasSuffix(callee, ".AddWarning") {
			c.warns(call.Args)
		}
	}
}

func (c *collector) warns(texts []ast.Expr) {
	for _, text := range texts {
		c.add(c.render(text), "warning", "")
	}
}

func (c *collector) composed(literal *ast.CompositeLit) {
	values := map[string]ast.Expr{}
	for _, element := range literal.Elts {
		if pair, is := element.(*ast.KeyValueExpr); is {
			values[dotted(pair.Key)] = pair.Value
		}
	}
	text := func(key string) string {
		if values[key] == nil {
			return ""
		}
		return c.render(values[key])
	}
	switch dotted(literal.Type) {
	case "problem.Error", "Unreadable", "store.Unreadable":
		status := map[string]string{"problem.Refused": "400", "problem.NotFound": "404", "problem.Conflict": "409"}
		kind := ""
		if values["Kind"] != nil {
			kind = status[dotted(values["Kind"])]
		}
		c.add(text("Text"), kind, text("Cure"))
	case "Error", "client.Error":
		c.add(text("Detail"), "", "")
	case "store.Name":
		if values["What"] != nil {
			c.add(text("What")+" cannot be read: it is not in the form of this release; "+text("Cure"), "500", "")
		}
	case "Outcome":
		if warnings, is := values["Warnings"].(*ast.CompositeLit); is {
			c.warns(warnings.Elts)
		}
	}
}

// assigned are texts, details and cures that are given to an error after it was made.
func (c *collector) assigned(statements []ast.Stmt, status string) {
	texts := map[string]string{}
	for _, statement := range statements {
		assignment, is := statement.(*ast.AssignStmt)
		if !is || assignment.Tok != token.ASSIGN || len(assignment.Lhs) != len(assignment.Rhs) {
			continue
		}
		for i, left := range assignment.Lhs {
			if name := dotted(left); name != "" && c.isText(assignment.Rhs[i]) {
				texts[name[strings.LastIndex(name, ".")+1:]] = c.render(assignment.Rhs[i])
			}
		}
	}
	text, cure := cmp.Or(texts["Text"], texts["text"]), texts["Cure"]
	if text == "" {
		text, cure = cure, "" // it is added to that of another error
	}
	c.add(text, status, cure)
	c.add(texts["Detail"], "", "")
}

// statusOfKinds is the status of what a case of kinds of failures says.
func statusOfKinds(kinds []ast.Expr) string {
	for _, kind := range kinds {
		switch name := dotted(kind); name {
		case "client.Throttled":
			return "503"
		case "client.Unavailable", "client.NotProcessMaker", "client.UnusableToken", "client.TokenRefused":
			return "502"
		default:
			if strings.HasPrefix(name, "client.") {
				return "400"
			}
		}
	}
	return ""
}

// returned are texts that a function makes for another: a warning, or the reason of a failure.
func (c *collector) returned(function *ast.FuncDecl) {
	status := ""
	if c.file != "client/reason.go" && c.file != "guard.go" {
		results := function.Type.Results
		if results == nil || len(results.List) == 0 || len(results.List[0].Names) == 0 || results.List[0].Names[0].Name != "warning" {
			return
		}
		status = "warning"
	}
	ast.Inspect(function, func(node ast.Node) bool {
		if result, is := node.(*ast.ReturnStmt); is && len(result.Results) > 0 && c.isText(result.Results[0]) {
			c.add(c.render(result.Results[0]), status, "")
		}
		return true
	})
}

// helpList is the help of every path, as "vault path-help" shows it below the parameters.
func (s *productSource) helpList(t *testing.T) string {
	t.Helper()
	help := map[string]string{}
	for _, file := range s.files {
		for _, declared := range file.syntax.Decls {
			sc := s.scopeOf(file.syntax.Name.Name, declared)
			ast.Inspect(declared, func(node ast.Node) bool {
				if call, is := node.(*ast.CallExpr); is && calleeOf(call) == "path" && file.syntax.Name.Name == "main" {
					help[sc.pathName(call.Args[0])] = sc.render(call.Args[1]) + "\n" + sc.render(call.Args[2])
				}
				return true
			})
		}
	}
	require.Greater(t, len(help), 15)
	var names []string
	for name := range help {
		names = append(names, name)
	}
	slices.Sort(names)
	var text strings.Builder
	text.WriteString("\n## Help of the paths\n\n`vault path-help processmaker/<path>` shows this, and each parameter with its default and an example. The [API page](api.md) has the parameters too.\n")
	for _, name := range names {
		synopsis, description, _ := strings.Cut(help[name], "\n")
		fmt.Fprintf(&text, "\n### %s\n\n%s\n\n", name, synopsis)
		for line := range strings.Lines(strings.TrimSpace(description)) {
			line = strings.ReplaceAll(line, problem.Mount, "processmaker/")
			if !strings.HasPrefix(line, "    ") { // a command
				line = strings.ReplaceAll(line, "<", `\<`)
			}
			text.WriteString(line)
		}
		text.WriteString("\n")
	}
	return text.String()
}

var nameInPattern = regexp.MustCompile(`\(\?P<([a-z_]+)>[^)]*\)`)

// pathName is a pattern as the pages write it: creds/:name.
func (sc *scope) pathName(pattern ast.Expr) string {
	var text string
	if sum, is := pattern.(*ast.BinaryExpr); is {
		text = sc.pathName(sum.X) + sc.pathName(sum.Y)
	} else if call, is := pattern.(*ast.CallExpr); is {
		text = ":" + sc.render(call.Args[0])
	} else {
		text = sc.render(pattern)
	}
	return strings.TrimSuffix(nameInPattern.ReplaceAllString(text, ":$1"), "/?$")
}
