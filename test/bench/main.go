//go:build unix

// Command bench measures the secrets engine on a real Vault server against
// engines that do less, against the bare call of ProcessMaker, and against
// ProcessMaker's limit. `make bench` builds what it needs and runs it; it takes
// about half an hour.
//
// It works on Linux only: it reads what processes use out of /proc.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"vault-plugin-secrets-processmaker/test/acceptance"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// removeWhenInterrupted leaves nothing behind on Ctrl-C. The servers end with
// this process.
func removeWhenInterrupted(dir string) (stop func()) {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		if _, ok := <-interrupted; ok {
			os.RemoveAll(dir)
			os.Exit(130)
		}
	}()
	return func() {
		signal.Stop(interrupted)
		close(interrupted)
	}
}

// tools are the programs that a run starts.
type tools struct {
	vault, plugin, engines, processmaker string
}

func run(arguments []string, output io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	vaultBin := flags.String("vault", "", "the Vault server's `program`")
	bin := flags.String("bin", "bin/bench", "`folder` with the plugins and the double, as `make bench` builds them")
	quick := flags.Bool("quick", false, "try everything with next to no load: the figures mean nothing")
	only := flags.String("only", "", "run one `part` alone: contests, overhead, rates, limit, storm, memory, scale, fairness, slow, starts")
	rounds := flags.Int("rounds", 0, "rounds of the contests; 0 means as many as planned, which is more than the least that says something (15)")
	storage := flags.String("storage", "", "measure contests with one storage alone: in-memory, raft")
	connections := flags.Int("connections", 0, "measure contests with one `number` of connections alone")
	handlers := flags.String("handlers", "", "`file` with the output of the Go benchmarks, to be added to the figures")
	page := flags.String("page", "", "Markdown `file` whose figures are replaced, with plots in a folder of its name")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *vaultBin == "" {
		return errors.New("-vault is not set; run `make bench`")
	}
	plan := fullPlan
	if *quick {
		plan = quickPlan
	}
	if *rounds > 0 {
		plan.rounds = *rounds
	}
	if *connections > 0 {
		plan.widths = []int{*connections}
	}
	if *storage != "" {
		plan.storages = []string{*storage}
	}
	b := &bench{
		plan: plan,
		log:  output,
		tools: tools{
			vault: *vaultBin, plugin: filepath.Join(*bin, product),
			engines: filepath.Join(*bin, engines), processmaker: filepath.Join(*bin, "processmakertest"),
		},
	}
	acceptance.ForgetVault()
	dir, err := acceptance.MakeTempDir("pm-bench-")
	if err != nil {
		return err
	}
	b.dir = dir
	defer os.RemoveAll(dir)
	defer removeWhenInterrupted(dir)()
	if err := b.measure(*only); err != nil {
		return err
	}
	if *handlers != "" {
		if err := b.figures.addHandlers(*handlers); err != nil {
			return err
		}
	}
	b.figures.print(output)
	if *page != "" {
		if err := b.figures.publish(*page); err != nil {
			return err
		}
	}
	if missed := b.figures.missed(); len(missed) > 0 && !*quick {
		return fmt.Errorf("%d bounds are not held: %v", len(missed), missed)
	}
	return nil
}
