// Command processmakertest is the ProcessMaker of package processmakertest as
// a program, for tests in other processes and for trying things by hand.
//
// It prints one line of JSON with the address and the data set, and serves
// until it is interrupted. Under /_test/live, /_test/unread and
// /_test/exchanges it tells what it knows.
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
	flags := flag.NewFlagSet("processmakertest", flag.ContinueOnError)
	config := processmakertest.Config{Control: true}
	flags.StringVar(&config.Address, "address", "127.0.0.1:0", "`address` to listen on")
	flags.BoolVar(&config.TLS, "tls", false, "serve https with a certificate of an own authority")
	flags.IntVar(&config.TokenRequestsPerMinute, "throttle", 0, "token `requests` allowed per minute; 0 means any number, the product has 60")
	flags.StringVar(&config.Release, "release", processmakertest.DefaultRelease, "product `version` to behave like")
	flags.BoolVar(&config.League9, "league9", false, "answer as league/oauth2-server 9 does")
	flags.StringVar(&config.Seed, "seed", "", "`text` that ids, tokens and secrets are derived from")
	flags.DurationVar(&config.GrantDelay, "grant-delay", 0, "`time` that a token call takes")
	caOut := flags.String("ca-out", "", "`file` to write the certificate of the authority to, with -tls")
	if err := flags.Parse(arguments); err != nil {
		return err
	}

	server, err := processmakertest.Start(config)
	if err != nil {
		return err
	}
	defer server.Close()
	if *caOut != "" {
		if err := os.WriteFile(*caOut, []byte(server.CACertPEM()), 0o644); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(output).Encode(describe(server)); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
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
