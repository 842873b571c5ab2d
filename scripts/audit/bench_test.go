//go:build unix

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vault-plugin-secrets-processmaker/scripts/audit/madelog"
)

// BenchmarkMillion runs the program, on one processor, over a day of a million entries and its
// server's log:
//
//	go test -run '^$' -bench Million -benchtime 1x ./scripts/audit
func BenchmarkMillion(b *testing.B) {
	const entries = 1_000_000
	dir := b.TempDir()
	program := filepath.Join(dir, "processmaker-audit")
	text, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, ".").CombinedOutput()
	require.NoError(b, err, string(text))
	files := []string{filepath.Join(dir, "audit.log"), filepath.Join(dir, "vault.log")}
	size := madeDay(b, files, entries)

	for _, question := range [][]string{{"who", "-user", "user7"}, {"outlived"}, {"who"}, {"history", "none"}} {
		name := question[0]
		if len(question) > 1 {
			name += question[1]
		}
		b.Run(name, func(b *testing.B) {
			for range b.N {
				cmd := exec.Command(program, append(append(question, "-json"), files...)...)
				cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
				began := time.Now()
				require.NoError(b, cmd.Run())
				b.ReportMetric(time.Since(began).Seconds(), "s")
				b.ReportMetric((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), "cpu-s")
				usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
				b.ReportMetric(float64(usage.Maxrss)/1024, "MiB")
				b.ReportMetric(float64(size)/(1<<20), "MiB-read")
			}
		})
	}
}

// madeDay writes the logs and returns their size.
func madeDay(b *testing.B, names []string, entries int) (size int64) {
	b.Helper()
	outs := make([]*bufio.Writer, len(names))
	files := make([]*os.File, len(names))
	for i, name := range names {
		file, err := os.Create(name)
		require.NoError(b, err)
		files[i], outs[i] = file, bufio.NewWriterSize(file, 1<<20)
	}
	log := madelog.New(outs[0], start)
	log.Server = outs[1]
	require.GreaterOrEqual(b, log.Day(entries, 24*time.Hour), entries)
	for i, out := range outs {
		require.NoError(b, out.Flush())
		info, err := files[i].Stat()
		require.NoError(b, err)
		size += info.Size()
		require.NoError(b, files[i].Close())
	}
	return size
}
