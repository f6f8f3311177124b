// Command zup updates pairs of load balancers with the least possible downtime.
//
// Each subcommand has a file of its own. Output goes by one rule: what a script
// reads goes to stdout, the rest to stderr. Exit codes are in exit.go; only main
// exits.
package main

import (
	"context"
	"io"
	"os"
	"time"

	"zup/plan/stream"
)

// version is zup's own. It is what configurations require and what plan and
// state files name.
const version = "0.1.0"

func main() {
	os.Exit(run(context.Background(), os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}, takeSecrets()))
}

// stdio are the three streams of the process, or of a test.
type stdio struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args []string, std stdio, env []string) int {
	c := newCLI(std, env)
	root := c.root()
	root.SetArgs(singleDash(args))
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	flush := completes(root, std.out, args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = flush()
	}
	code := c.exit(err)
	c.closeStream()
	return code
}

// cli is what all subcommands share.
type cli struct {
	stdio
	env     []string
	chdir   string
	noColor bool
	now     func() time.Time
	log     io.Writer // stderr, whatever becomes of err

	stream     *stream.Writer // for programs; nil: nobody asked for it
	streamFile *os.File
	machine    bool // the stream is all there is: nothing is written for people or asked of them
}

func newCLI(std stdio, env []string) *cli {
	return &cli{stdio: std, env: env, now: time.Now, log: std.err}
}

// getenv returns the value of a variable of the environment, or "".
func (c *cli) getenv(name string) string {
	for _, kv := range c.env {
		if len(kv) > len(name) && kv[len(name)] == '=' && kv[:len(name)] == name {
			return kv[len(name)+1:]
		}
	}
	return ""
}
