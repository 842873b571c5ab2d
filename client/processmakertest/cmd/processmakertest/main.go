// Command processmakertest is the ProcessMaker of package processmakertest as
// a program, for tests in other processes and for trying things by hand.
//
// It prints one line of JSON with the address and the data set, and serves
// until it is interrupted. Under /_test/live, /_test/standing, /_test/unread and
// /_test/exchanges it tells what it knows, and under /_test/faults it takes
// faults (see processmakertest.FaultOrder).
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// passwordClientID is the client of the data set that may use the password grant.
const passwordClientID = 3

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "processmakertest:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, output io.Writer) error {
	passport, err := processmakertest.PassportWanted()
	if err != nil {
		return err
	}
	flags := flag.NewFlagSet("processmakertest", flag.ContinueOnError)
	config := processmakertest.Config{Control: true}
	flags.StringVar(&config.Address, "address", "127.0.0.1:0", "`address` to listen on")
	flags.BoolVar(&config.TLS, "tls", false, "serve https with a certificate of an own authority")
	flags.IntVar(&config.TokenRequestsPerMinute, "throttle", 0, "token `requests` allowed per minute; 0 means any number, the product has 60")
	flags.StringVar(&config.Release, "release", processmakertest.DefaultRelease, "product `version` to behave like")
	flags.IntVar(&config.Passport, "passport", passport, "`version` of Laravel Passport to behave like, 12 or 13; without it "+processmakertest.PassportVariable+" counts, or else it is 12")
	flags.BoolVar(&config.League9, "league9", false, "the same as -passport 13")
	flags.BoolVar(&config.PlainSecrets, "plain-secrets", false, "start with secrets that are not hashed, which Passport 13 refuses")
	flags.BoolVar(&config.UnmendedPersonalClient, "unmended-personal-client", false, "leave the personal access client without an owner under Passport 13")
	flags.StringVar(&config.Seed, "seed", "", "`text` that ids, tokens and secrets are derived from")
	flags.DurationVar(&config.GrantDelay, "grant-delay", 0, "`time` that a token call takes")
	canned := flags.Bool("canned", false, "answer at once and refuse nobody, for measurements; of the other flags only -address, -tls, -ca-out, -passport and -grant-delay (for creations, too) count, and of what it knows only /_test/counts")
	caOut := flags.String("ca-out", "", "`file` to write the certificate of the authority to, with -tls")
	if err := flags.Parse(arguments); err != nil {
		return err
	}

	told, stop, err := start(config, *canned)
	if err != nil {
		return err
	}
	defer stop()
	if *caOut != "" {
		if err := os.WriteFile(*caOut, []byte(told.CACert), 0o644); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(output).Encode(told); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// start starts what the flags ask for.
func start(config processmakertest.Config, canned bool) (told greeting, stop func(), err error) {
	if canned {
		server, err := processmakertest.StartCanned(config)
		if err != nil {
			return greeting{}, nil, err
		}
		return describeCanned(server), server.Close, nil
	}
	server, err := processmakertest.Start(config)
	if err != nil {
		return greeting{}, nil, err
	}
	return describe(server), server.Close, nil
}

// greeting is the line that the program prints.
type greeting struct {
	URL          string    `json:"url"`
	CACert       string    `json:"ca_cert"`
	ClientID     string    `json:"client_id"`
	ClientSecret string    `json:"client_secret"`
	Users        []account `json:"users"`
	Clients      []client  `json:"clients"`
}

type account struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

type client struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Secret string `json:"secret"`
}

func describe(server *processmakertest.Server) greeting {
	g := greeting{
		URL:          server.URL(),
		CACert:       server.CACertPEM(),
		ClientID:     fmt.Sprint(passwordClientID),
		ClientSecret: server.Client(passwordClientID).Secret,
	}
	for _, user := range server.Users() {
		g.Users = append(g.Users, account{user.Username, user.Password})
	}
	for _, c := range server.Clients() {
		g.Clients = append(g.Clients, client{c.ID, c.Name, c.Secret})
	}
	return g
}

// describeCanned names an account and a client of the sizes of the data set's:
// any will do.
func describeCanned(server *processmakertest.Canned) greeting {
	const secret = "cannedcannedcannedcannedcannedcannedcann"
	return greeting{
		URL:          server.URL(),
		CACert:       server.CACertPEM(),
		ClientID:     fmt.Sprint(passwordClientID),
		ClientSecret: secret,
		Users:        []account{{"alice", "alice-Passw0rd!"}},
		Clients:      []client{{passwordClientID, "Password Grant", secret}},
	}
}
