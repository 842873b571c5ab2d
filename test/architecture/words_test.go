package architecture

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sentence is a piece of text for people, and where it stands.
type sentence struct{ file, text string }

// clumsy is a pattern that no text has, and the better word.
type clumsy struct {
	pattern *regexp.Regexp
	better  string
	inCode  bool
}

var (
	wordRow  = regexp.MustCompile(`(?m)^\| (.+) \| (.+) \| (pages, help, messages|everywhere) \|$`)
	oneWord  = regexp.MustCompile("`([^`]+)`")
	fence    = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	makeHelp = regexp.MustCompile(`(?m)^(?:[a-z0-9-]+:.*)?##@? (.*)$`)
	begins   = `(?:(?:^|\n)(?:[ \t]*(?:[-*>]|\d+\.) |#+ )?|[.:;!?] |\*\*|\| )`
	// whoStatement and whatStatement begin a sentence that is no question.
	whoStatement  = regexp.MustCompile(begins + `(Who [^.?!|\n]*)([.?!|\n]|$)`)
	whatStatement = regexp.MustCompile(begins + `(What (?:[^t][^.?!|\n]*|t[^o][^.?!|\n]*))([.?!|\n]|$)`)
	// whatAsNoun is a "what" that no verb of asking or telling leads to.
	whatAsNoun = regexp.MustCompile(`(?i)\b(?:ends?|ended|keeps?|kept|counts?|lists?|holds?|removes?|drops?|deletes?|revokes?|undo|undoes|replaces?|bounds?|reads?|renews?|repeats?|returns?|is|are|with) what [a-z]+`)
)

// clumsyWords is the list in CONTRIBUTING.md.
func clumsyWords(t *testing.T) (list []clumsy) {
	t.Helper()
	_, section, found := strings.Cut(repositoryText(t, "CONTRIBUTING.md"), "\n## Words\n")
	require.True(t, found, "CONTRIBUTING.md has no list of words")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, row := range wordRow.FindAllStringSubmatch(section, -1) {
		for _, word := range oneWord.FindAllStringSubmatch(row[1], -1) {
			everywhere := row[3] == "everywhere"
			pattern := `(?i)\b` + regexp.QuoteMeta(word[1]) + `\b`
			switch {
			case everywhere:
				// Names in the code have it in their midst.
				pattern = `(?i)` + regexp.QuoteMeta(word[1])
			case strings.HasSuffix(word[1], "."):
				// A fragment is a sentence of its own.
				pattern = regexp.QuoteMeta(word[1])
			}
			list = append(list, clumsy{regexp.MustCompile(pattern), row[2], everywhere})
		}
	}
	return list
}

// troubles are the clumsy places of a text for people.
func troubles(text string, list []clumsy) (found []string) {
	for _, one := range list {
		for _, at := range one.pattern.FindAllString(text, -1) {
			found = append(found, fmt.Sprintf("%q: better %s", at, one.better))
		}
	}
	for _, statement := range []*regexp.Regexp{whoStatement, whatStatement} {
		for _, at := range statement.FindAllStringSubmatch(text, -1) {
			// "What it does" may be the label of a column.
			if at[2] != "?" && (at[2] != "|" || strings.HasPrefix(at[1], "Who ")) {
				found = append(found, fmt.Sprintf("%q: begin with a noun", at[1]))
			}
		}
	}
	for _, at := range whatAsNoun.FindAllString(text, -1) {
		found = append(found, fmt.Sprintf("%q: better a noun and a clause", at))
	}
	return found
}

// Every sentence is to be understood at first reading.
func TestNoClumsyWords(t *testing.T) {
	t.Parallel()
	list := clumsyWords(t)
	require.Greater(t, len(list), 10)
	texts := append(pageTexts(t), messageTexts(t)...)
	require.Greater(t, len(texts), 1000)
	for _, one := range texts {
		for _, trouble := range troubles(one.text, list) {
			t.Errorf("%s: %s", one.file, trouble)
		}
	}
	walkProduct(t, func(path, text string) {
		for _, one := range list {
			if at := one.pattern.FindString(text); at != "" && one.inCode {
				t.Errorf("%s: %q: better %s", path, at, one.better)
			}
		}
	})
}

func TestClumsySentencesAreSeen(t *testing.T) {
	t.Parallel()
	list := clumsyWords(t)
	for _, bad := range []string{
		"Who gets a token of an administrator is an administrator.",
		"It ends. Who has lost it makes another.",
		"**Who may write it**",
		"- Who can rename entities can sign in for others.",
		"overdue is what should be dead and is not known to be.",
		"What could not be ended is then in the log.",
		"# What operators see",
		"It ends what is due.",
		"**By itself.** Live tokens stay live.",
		"**Over when.** A read succeeds.",
		"It is put down as due.",
		"an Overtaken write",
	} {
		require.NotEmpty(t, troubles(bad, list), bad)
	}
	for _, good := range []string{
		"Who gets a token?", "**What to do.** Write it again.", "It says what was refused.", "A user who reads it.", "It recovers by itself.",
		"What does it cost?", "the WHO column", "It tells what to do.",
	} {
		require.Empty(t, troubles(good, list), good)
	}
}

// pageTexts are the pages without their fenced blocks, and the targets of make.
func pageTexts(t *testing.T) (texts []sentence) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*.md", "examples/*/*.md", "examples/*/*/*.md"} {
		found, err := filepath.Glob(filepath.Join("..", "..", pattern))
		require.NoError(t, err)
		for _, path := range found {
			file, err := filepath.Rel(filepath.Join("..", ".."), path)
			require.NoError(t, err)
			text := fence.ReplaceAllString(repositoryText(t, file), "")
			if file == "CONTRIBUTING.md" {
				before, list, _ := strings.Cut(text, "\n## Words\n")
				_, after, _ := strings.Cut(list, "\n## ")
				text = before + "\n## " + after
			}
			for _, paragraph := range strings.Split(text, "\n\n") {
				texts = append(texts, sentence{filepath.ToSlash(file), paragraph})
			}
		}
	}
	for _, target := range makeHelp.FindAllStringSubmatch(repositoryText(t, "Makefile"), -1) {
		texts = append(texts, sentence{"Makefile", target[1]})
	}
	return texts
}

// messageTexts are the texts that the product's code has: help, messages, logs.
func messageTexts(t *testing.T) (texts []sentence) {
	t.Helper()
	walkProduct(t, func(path, text string) {
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				value, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				texts = append(texts, sentence{path, value})
			}
			return true
		})
	})
	return texts
}

// walkProduct calls do for each Go file of the product and of the programs that
// people run beside it.
func walkProduct(t *testing.T, do func(path, text string)) {
	t.Helper()
	walk(t, func(path string) {
		top, _, nested := strings.Cut(path, "/")
		ours := !nested || top == "engine" || top == "internal" ||
			top == "client" && !strings.Contains(path, "processmakertest") ||
			strings.HasPrefix(path, "scripts/authorize/") || strings.HasPrefix(path, "scripts/audit/")
		if ours && !strings.HasSuffix(path, "_test.go") {
			do(path, repositoryText(t, path))
		}
	})
}

func repositoryText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", path))
	require.NoError(t, err)
	return string(text)
}
