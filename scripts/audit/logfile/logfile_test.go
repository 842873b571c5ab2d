package logfile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// line is an entry at a second.
func line(second int) string {
	return fmt.Sprintf(`{"request":{"id":"%d","path":"x"},"time":%q,"type":"response"}`, second, start.Add(time.Duration(second)*time.Second).Format(time.RFC3339Nano))
}

func lines(seconds ...int) string {
	var text strings.Builder
	for _, second := range seconds {
		text.WriteString(line(second) + "\n")
	}
	return text.String()
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if strings.HasSuffix(name, ".gz") {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, err := io.WriteString(w, text)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		text = packed.String()
	}
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func all([]byte) bool { return true }

// read reads the ids of all records in their order.
func read(t *testing.T, logs Logs) ([]string, *Counts) {
	t.Helper()
	if logs.Relevant == nil {
		logs.Relevant = all
	}
	var ids []string
	counts, err := logs.Each(func(r Record) { ids = append(ids, r.Entry.Request.ID) })
	require.NoError(t, err)
	return ids, counts
}

func TestFilesAreMergedByTime(t *testing.T) {
	t.Parallel()
	names := []string{
		file(t, "node-b.log", lines(2, 4, 9)), file(t, "audit.log.1.gz", lines(0, 1, 3)), file(t, "audit.log", lines(5, 6, 8)), file(t, "empty.log", ""),
	}
	want := []string{"0", "1", "2", "3", "4", "5", "6", "8", "9"}
	for range 3 {
		ids, counts := read(t, Logs{Names: names})
		require.Equal(t, want, ids)
		require.Equal(t, 9, counts.Lines)
		require.Equal(t, start, counts.First)
		require.Equal(t, start.Add(9*time.Second), counts.Last)
		require.Empty(t, counts.Sorted)
		slices.Reverse(names)
	}
}

func TestLinesInNoOrderAreSorted(t *testing.T) {
	t.Parallel()
	joined := file(t, "joined.log", lines(5, 6, 8)+lines(0, 1, 7))
	ids, counts := read(t, Logs{Names: []string{joined, file(t, "other.log", lines(2))}})
	require.Equal(t, []string{"0", "1", "2", "5", "6", "7", "8"}, ids)
	require.Equal(t, []string{joined}, counts.Sorted)

	shuffled := rand.New(rand.NewPCG(1, 2)).Perm(1000)
	ids, counts = read(t, Logs{Names: []string{Standard, file(t, "other.log", lines(2000))}, Standard: strings.NewReader(lines(shuffled...))})
	require.Len(t, ids, 1001)
	require.True(t, slices.IsSortedFunc(ids, func(a, b string) int { return len(a) - len(b) }))
	require.Equal(t, "2000", ids[1000])
	require.Equal(t, 1001, counts.Lines)
}

// What is larger than a chunk goes by way of files that are gone afterwards.
func TestALargeFileIsSortedInParts(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var text strings.Builder
	pad := strings.Repeat("x", 1<<10)
	for i := range 150 {
		text.WriteString(strings.Replace(line(150-i), `"path":"x"`, `"path":"`+pad+`"`, 1) + "\n")
	}
	ids, counts := read(t, Logs{Names: []string{file(t, "large.log", text.String())}, Chunk: 16 << 10})
	require.Len(t, ids, 150)
	require.Equal(t, "1", ids[0])
	require.Equal(t, "150", ids[149])
	require.Len(t, counts.Sorted, 1)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, one := range left {
		require.NotContains(t, one.Name(), "processmaker-audit")
	}
}

func TestABadLineIsCountedAndReported(t *testing.T) {
	t.Parallel()
	bad := []string{
		`{"time":"2026-03-01T12:00:00Z","type":"resp`, `nonsense`, `{"type":"response"}`, `{}`, `[1]`, `"text"`, "\x00\xff{", `{"time":5}`,
		`{"time":"yesterday","type":"response"}`,
	}
	name := file(t, "bad.log", line(1)+"\n"+strings.Join(bad, "\n")+"\n\n"+line(2))
	ids, counts := read(t, Logs{Names: []string{name}})
	require.Equal(t, []string{"1", "2"}, ids)
	require.Equal(t, len(bad), counts.Bad)
	require.Len(t, counts.Examples, examples)
	require.Contains(t, counts.Examples[0], "bad.log, line 2: ")
	require.NotContains(t, strings.Join(counts.Examples, ""), "resp\"", "a line's text is not shown")

	broken, err := os.ReadFile(file(t, "broken.gz", lines(1, 2)))
	require.NoError(t, err)
	ids, counts = read(t, Logs{Names: []string{file(t, "broken", string(broken[:len(broken)-10]))}})
	require.NotEmpty(t, counts.Examples)
	require.LessOrEqual(t, len(ids), 2)

	_, err = (&Logs{Names: []string{"/nowhere"}, Relevant: all}).Each(func(Record) {})
	require.ErrorContains(t, err, "/nowhere")
}

func TestALineThatIsTooLongIsPassedOver(t *testing.T) {
	t.Parallel()
	long := line(2) + strings.Repeat(" ", longest) + "\n"
	ids, counts := read(t, Logs{Names: []string{file(t, "long.log", lines(1)+long+lines(3))}})
	require.Equal(t, []string{"1", "3"}, ids)
	require.Equal(t, 3, counts.Lines)
	require.Equal(t, 1, counts.Bad)
}

func TestWhatIsNotRelevantIsNotParsed(t *testing.T) {
	t.Parallel()
	name := file(t, "audit.log", lines(1)+`{"request":{"path":"kv"},"time":"x","nonsense}`+"\n"+"cut off {\"a\":\n"+lines(2))
	ids, counts := read(t, Logs{Names: []string{name}, Relevant: func(line []byte) bool { return bytes.Contains(line, []byte(`"x"}`)) }})
	require.Equal(t, []string{"1", "2"}, ids)
	require.Equal(t, 4, counts.Lines)
	require.Equal(t, 1, counts.Bad, "what is cut off is seen all the same")
}

func TestEntriesWithOddFields(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"time":"2026-03-01T12:00:00Z","type":"response","request":null,"response":null,"auth":null}`,
		`{"time":"2026-03-01T12:00:00Z","type":"response","request":{"path":7,"data":[1]},"response":{"data":"x","secret":3}}`,
		`@cee: {"time":"2026-03-01T12:00:00Z","type":"response"}`,
		`2026-03-01T12:00:00+01:00 host vault[7]: {"time":"2026-03-01T12:00:00Z","type":"response"}`,
	} {
		record, err := Parse([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, start, record.Time, text)
		require.NotNil(t, record.Entry, text)
		require.Empty(t, record.Entry.Failed())
		require.Empty(t, record.Entry.Response.Data.Fields().Text("x"))
	}
}

func TestLinesOfTheServersLog(t *testing.T) {
	t.Parallel()
	want := ServerLine{
		Message: "credential ended", Mount: "processmaker/", Role: "ci", CredentialID: "0sh5h05adphkid7apg3hc0", TokenID: "ce37",
		Reason: "lease", EntityID: "e-1", DisplayName: "userpass-carol the second",
	}
	for _, text := range []string{
		`{"@level":"info","@message":"credential ended","@module":"secrets.x","@timestamp":"2026-03-01T12:00:00.000000Z","attempt":1,"credential_id":"0sh5h05adphkid7apg3hc0","display_name":"userpass-carol the second","entity_id":"e-1","mount":"processmaker/","reason":"lease","role":"ci","token_id":"ce37"}`,
		`2026-03-01T12:00:00.000Z [INFO]  secrets.x.y: credential ended: mount=processmaker/ role=ci credential_id=0sh5h05adphkid7apg3hc0 attempt=1 duration=6.7ms token_id=ce37 reason=lease entity_id=e-1 display_name="userpass-carol the second"`,
		`2026-03-01T13:00:00.000+0100 [INFO]  secrets.x.y: credential ended: mount=processmaker/ role=ci credential_id=0sh5h05adphkid7apg3hc0 token_id=ce37 reason=lease entity_id=e-1 display_name="userpass-carol the second"`,
	} {
		record, err := Parse([]byte(text))
		require.NoError(t, err, text)
		require.True(t, record.Time.Equal(start), text)
		record.Line.Time = ""
		require.Equal(t, want, *record.Line, text)
		require.True(t, timeOf([]byte(text)).Equal(start), text)
	}
	record, err := Parse([]byte(`2026-03-01T12:00:00.000Z [INFO]  expiration: revoked lease: lease_id=processmaker/creds/ci/x`))
	require.NoError(t, err)
	require.Equal(t, "revoked lease", record.Line.Message)
	require.Equal(t, "processmaker/creds/ci/x", record.Line.LeaseID)
}

func TestTheTimeOfALineIsItsOwn(t *testing.T) {
	t.Parallel()
	require.Equal(t, start, timeOf([]byte(`{"request":{"data":{"time":"2020-01-01T00:00:00Z"}},"time":"2026-03-01T12:00:00Z","type":"request"}`)))
	require.True(t, timeOf([]byte(`{"time":"never"}`)).IsZero())
	require.True(t, timeOf([]byte(`x`)).IsZero())
}

// Whatever a file holds, it is read to its end.
func FuzzParse(f *testing.F) {
	f.Add([]byte(line(1)))
	f.Add([]byte(`2026-03-01T12:00:00.000Z [INFO]  a: b: c="d\" e" f=`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if text = bytes.TrimSpace(text); len(text) == 0 {
			return
		}
		record, err := Parse(text)
		require.Equal(t, err != nil, record.Time.IsZero() && record.Entry == nil && record.Line == nil)
		timeOf(text)
	})
}
