// Command demotool does for scripts/demo.sh and scripts/dev.sh what a fresh
// machine has no program for: it finds a free port, takes fields out of JSON,
// and calls ProcessMaker's API. It needs nothing but Go.
package main

import (
	"fmt"
	"os"
)

const usage = `usage:
  demotool freeport                  print a TCP port of the loopback address that is free
  demotool field FILE NAME...        print one field of a JSON file; numbers index lists
  demotool call CA_FILE URL [TOKEN]  GET with a bearer token, print status and answer
  demotool count CA_FILE URL         GET a JSON list, print how long it is
  demotool names CA_FILE URL         GET a JSON list, print the names in it`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demotool:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "freeport":
		return freePort(os.Stdout)
	case len(args) >= 3 && args[0] == "field":
		return field(os.Stdout, args[1], args[2:])
	case len(args) == 3 && args[0] == "count":
		return count(os.Stdout, args[1], args[2])
	case len(args) == 3 && args[0] == "names":
		return names(os.Stdout, args[1], args[2])
	case len(args) == 3 && args[0] == "call":
		return call(os.Stdout, args[1], args[2], "")
	case len(args) == 4 && args[0] == "call":
		return call(os.Stdout, args[1], args[2], args[3])
	}
	return fmt.Errorf("unknown arguments\n%s", usage)
}
