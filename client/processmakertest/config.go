package processmakertest

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// DefaultRelease is the product release that a Config without one stands for.
const DefaultRelease = "4.15.5"

// Config says which ProcessMaker to be. The zero value is a current release on
// a free port of 127.0.0.1 without TLS and without a throttle.
type Config struct {
	// Address is where to listen; empty means 127.0.0.1:0.
	Address string
	// TLS serves https with a certificate for 127.0.0.1, ::1 and localhost from
	// an authority of the server's own (see CACertPEM).
	TLS bool
	// Clock gives every time that the server puts into tokens and every time
	// that it compares with; nil means time.Now.
	Clock func() time.Time
	// TokenRequestsPerMinute is the throttle of the token endpoint. 0 means
	// none, with no X-RateLimit headers either; the product has 60.
	TokenRequestsPerMinute int
	// Release is the product release to behave like; empty means DefaultRelease.
	Release string
	// Passport is the version of Laravel Passport to behave like: 12, which all
	// current releases have, or 13, which the next ones have. 0 means 12.
	Passport int
	// League9 is another word for Passport 13, whose league/oauth2-server is 9.
	League9 bool
	// PlainSecrets starts with clients whose secrets are stored as they are. That
	// is nothing to Passport 12; Passport 13 refuses them until HashSecrets.
	PlainSecrets bool
	// UnmendedPersonalClient leaves the personal access client without an owner,
	// as it is under Passport 13 before the product's upgrade script mended it:
	// user 1, who has its number, can make tokens that are refused.
	UnmendedPersonalClient bool
	// Seed is what ids, tokens and secrets are derived from. Two servers with
	// the same seed know each other's tokens, so a test with several servers
	// gives each its own.
	Seed string
	// GrantDelay is the real time that a call of the token endpoint takes, for
	// load that is shaped like the product's.
	GrantDelay time.Duration
	// Control opens the paths under /_test/ to other processes, for questions and
	// for faults (see FaultOrder). The product has no such paths.
	Control bool
}

func (c Config) withDefaults() Config {
	if c.Address == "" {
		c.Address = "127.0.0.1:0"
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Release == "" {
		c.Release = DefaultRelease
	}
	if c.Passport == 0 {
		c.Passport = 12
		if c.League9 {
			c.Passport = 13
		}
	}
	return c
}

// PassportVariable is the environment variable that chooses the version of Laravel
// Passport of a whole run of tests, and of the program.
const PassportVariable = "PROCESSMAKERTEST_PASSPORT"

// PassportWanted reads the environment variable for a Config; 0 without one.
func PassportWanted() (int, error) {
	text := os.Getenv(PassportVariable)
	if text == "" {
		return 0, nil
	}
	version, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%s is not a version of Passport: %w", PassportVariable, err)
	}
	return version, nil
}
