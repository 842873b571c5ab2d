// Command authorize signs a person in to ProcessMaker for a role of the Vault
// secrets engine whose grant_type is authorization_code:
//
//	go run ./scripts/authorize -mount processmaker ROLE
//
// It asks Vault for the address to sign in at, which the person opens in a
// browser, waits at the role's redirect_uri for ProcessMaker's answer, and hands
// that to Vault, all with the person's own Vault token. Where the browser is on
// another machine, -no-listen takes the address that it ended at from standard
// input instead.
//
// Vault is found as the vault command finds it: by VAULT_ADDR, VAULT_CACERT,
// VAULT_NAMESPACE and the like, with the token in VAULT_TOKEN or ~/.vault-token.
// The code and the tokens are never printed, and the state only as the part of
// the address that it has to be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// signInTime is how long Vault waits for the answer to a sign-in, too.
const signInTime = 10 * time.Minute

var errTooLate = fmt.Errorf("nobody finished the sign-in within %d minutes; run this again for a new address", int(signInTime.Minutes()))

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "authorize:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, input io.Reader, output io.Writer) error {
	flags := flag.NewFlagSet("authorize", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: authorize [-mount PATH] [-no-listen] ROLE")
		flags.PrintDefaults()
	}
	mount := flags.String("mount", "processmaker", "`path` that the secrets engine is mounted at")
	noListen := flags.Bool("no-listen", false, "ask for the address that the browser ended at instead of waiting for the browser here")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("name one role, after the flags: authorize [-mount PATH] [-no-listen] ROLE")
	}
	vault, err := connect(*mount, flags.Arg(0))
	if err != nil {
		return err
	}
	attempt, err := vault.begin(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, signInTime, errTooLate)
	defer cancel()

	finish := func(code string) (person, error) { return vault.complete(ctx, attempt, code) }
	var who person
	if *noListen {
		who, err = paste(ctx, attempt, finish, input, output)
	} else {
		who, err = listen(ctx, attempt, finish, output)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(output, "%s (ProcessMaker user %s) is signed in for role %s.\n", who.username, who.userID, vault.role)
	return nil
}
