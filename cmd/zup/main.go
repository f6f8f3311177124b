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
const version = "0.2.0"

func main() {
	os.Exit(run(context.Background(), os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}, takeEnvironment()))
}

// stdio are the three streams of the process, or of a test. Those of a cli are screens.
type stdio struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args []string, std stdio, env []string) int {
	c := newCLI(std, env)
	root := c.root()
	root.SetArgs(singleDash(root, args))
	root.SetIn(std.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	flush := completes(root, c.out, args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = flush()
	}
	if err != nil {
		c.commentAnyway(root, args)
	}
	code := c.exit(err)
	c.closeStream()
	c.closeComment(code)
	return code
}

// cli is what all subcommands share.
type cli struct {
	stdio
	env     []string // without the secrets
	secrets []string // ZUP_SECRET_name=value
	chdir   string
	noColor bool
	now     func() time.Time
	log     io.Writer // stderr, whatever becomes of err
	raw     io.Writer // stdout as it is: see programs and bytes

	stream     *stream.Writer // for programs; nil: nobody asked for it
	streamFile *os.File
	comment    *comment // nil: nobody asked for it
	machine    bool     // the stream is all there is: nothing is written for people or asked of them
}

func newCLI(std stdio, env []string) *cli {
	c := &cli{now: time.Now, raw: std.out}
	c.env, c.secrets = apartSecrets(env)
	c.stdio = stdio{std.in, c.screen(std.out), c.screen(std.err)}
	c.log = c.err
	return c
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
