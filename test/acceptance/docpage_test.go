//go:build unix

package acceptance

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// docBlock is a fenced block of a page.
type docBlock struct {
	page     string
	line     int    // of its opening fence
	heading  string // the nearest above it
	language string // first word of the opening fence
	file     string // what else stands there: the file or thing that the block shows
	text     string
}

// firstLine names a block where a test has to.
func (b docBlock) firstLine() string {
	line, _, _ := strings.Cut(b.text, "\n")
	return line
}

var fence = regexp.MustCompile("^```(\\S*) ?(.*)$")

// docBlocks gives the blocks of a page in their order, and the page without them.
func docBlocks(t *testing.T, page string) (blocks []docBlock, prose string) {
	t.Helper()
	var rest, lines []string
	var open *docBlock
	heading := ""
	for i, line := range strings.Split(repositoryText(t, page), "\n") {
		found := fence.FindStringSubmatch(line)
		switch {
		case open == nil && found != nil:
			open = &docBlock{page: page, line: i + 1, heading: heading, language: found[1], file: found[2]}
			lines = nil
		case open == nil:
			rest = append(rest, line)
			if title, is := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); is && strings.HasPrefix(line, "#") {
				heading = title
			}
			require.NotContains(t, line, "```", "%s:%d: a fence that does not begin its line", page, i+1)
		case line == "```":
			open.text = strings.Join(lines, "\n") + "\n"
			blocks = append(blocks, *open)
			open = nil
		default:
			lines = append(lines, line)
		}
	}
	require.Nil(t, open, "%s: a block without an end", page)
	return blocks, strings.Join(rest, "\n")
}

// docPages lists the pages of the repository that tell people what to do.
func docPages(t *testing.T) (pages []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel("../..", path)
		if entry.IsDir() {
			if name == "bin" || name == "dist" || name != "." && strings.HasPrefix(name, ".") && name != ".." {
				return filepath.SkipDir
			}
			return err
		}
		if strings.HasSuffix(name, ".md") && name != "CHANGELOG.md" {
			pages = append(pages, filepath.ToSlash(name))
		}
		return err
	}))
	require.Contains(t, pages, "README.md")
	return pages
}

var inlineCode = regexp.MustCompile("`([^`]+)`")

// shellTexts gives what a page says for a shell: its blocks, and the code within
// its sentences, which may be anything.
func shellTexts(t *testing.T, page string) (texts []string) {
	t.Helper()
	blocks, prose := docBlocks(t, page)
	for _, block := range blocks {
		if block.language == "sh" {
			texts = append(texts, block.text)
		}
	}
	for _, code := range inlineCode.FindAllStringSubmatch(prose, -1) {
		texts = append(texts, code[1])
	}
	return texts
}

// vaultCommand is one call of the vault command line in a page.
type vaultCommand struct {
	verb, path string
	fields     []string
}

var (
	engineCall   = regexp.MustCompile(`\bvault (read|write|list|delete|patch)((?: +-\S+)*) +["']?processmaker/`)
	continuation = regexp.MustCompile(`\\\n\s*`)
)

// vaultCommands finds the calls of this engine in the text of a shell.
func vaultCommands(text string) (commands []vaultCommand) {
	text = continuation.ReplaceAllString(text, "")
	for _, at := range engineCall.FindAllStringSubmatchIndex(text, -1) {
		rest := text[at[5]:]
		if strings.HasSuffix(text[:at[0]], `"`) {
			rest, _, _ = strings.Cut(rest, `"`) // a message quotes the command
		}
		words := shellWords(rest)
		command := vaultCommand{verb: text[at[2]:at[3]], path: strings.TrimPrefix(words[0], "processmaker/")}
		for _, word := range words[1:] {
			if name, _, ok := strings.Cut(word, "="); ok {
				command.fields = append(command.fields, name)
			}
		}
		commands = append(commands, command)
	}
	return commands
}

// shellWords takes the words of one simple command off the front of a text.
func shellWords(text string) (words []string) {
	var word strings.Builder
	var quote rune
	end := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
		}
		word.Reset()
	}
	placeholder := false // <name>, which is no redirection
	for _, c := range text {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote = c
		case c == '<' && word.Len() > 0, placeholder:
			placeholder = c != '>'
			word.WriteRune(c)
		case strings.ContainsRune("|;&)<>\n#", c):
			end()
			return words
		case c == ' ' || c == '\t':
			end()
		default:
			word.WriteRune(c)
		}
	}
	end()
	return words
}
