package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"zup/plan/config"
)

// origin is who makes a plan, for which change request, and from which commit.
type origin struct {
	author string
	change string
	commit string
}

// add adds the flags of every command that makes a plan.
func (o *origin) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.author, "author", "", "who makes the plan, by the `name` in the signers file; default git's user.email, or user@host")
	cmd.Flags().StringVar(&o.change, "change", "", "bind the plan to this change request, by its `number`")
}

// said reports whether a flag was given.
func (o *origin) said() bool { return o.author != "" || o.change != "" }

// check looks at the flags.
func (o *origin) check() error {
	if o.change != "" && !isWord(o.change, 100) {
		return usagef("for example -change=CHG0012345", "-change: %q is no number of a change request", o.change)
	}
	if o.author != "" && !isWord(o.author, 250) {
		return usagef("for example -author=alice@example.com", "-author: %q is no name that a signers file could have", o.author)
	}
	return nil
}

// isWord reports whether a text is one word that needs no quotes.
func isWord(s string, limit int) bool {
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsPrint(r) || r == ' ' || r == ',' || r == '"' || r == '*' || r == '?' || r == '!' || r == unicode.ReplacementChar
	})
}

// find fills in what the flags leave open.
func (o *origin) find(ctx context.Context, c *cli, dir string, cfg *config.Config) {
	g := &checkout{cli: c, dir: dir}
	o.commit = g.commit(ctx, cfg)
	if o.author != "" {
		return
	}
	if o.author = g.git(ctx, "config", "--get", "user.email"); !isWord(o.author, 250) {
		me := c.me("")
		o.author = me.User + "@" + me.Host
	}
}

// checkout is the git repository that a configuration may be in.
type checkout struct {
	*cli
	dir string
}

// gitLimit is how long git may take. It only reads; without its answer a plan names
// no commit.
const gitLimit = 10 * time.Second

// git returns what git prints, "" if there is no git or it fails. It takes no lock
// and starts no program of the repository.
func (g *checkout) git(ctx context.Context, args ...string) string {
	ctx, cancel := context.WithTimeout(ctx, gitLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", g.dir, "--no-optional-locks", "--literal-pathspecs", "-c", "core.fsmonitor=false"}, args...)...)
	cmd.Env = g.env
	out, err := cmd.Output()
	if err != nil {
		g.logger().Debug("git does not answer", "args", args, "error", err)
		return ""
	}
	return strings.TrimSuffix(string(out), "\n")
}

// commit returns the commit that is checked out, with "+" behind it if a file of
// the configuration is not as it is there; "" outside a repository.
func (g *checkout) commit(ctx context.Context, cfg *config.Config) string {
	top, head, ok := strings.Cut(g.git(ctx, "rev-parse", "--show-toplevel", "HEAD"), "\n")
	if !ok {
		return ""
	}
	args := append([]string{"status", "--porcelain", "--ignored", "--untracked-files=all", "--"}, g.files(top, cfg)...)
	if g.git(ctx, args...) != "" {
		return head + "+"
	}
	return head
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// files lists every file that went into the configuration and lies in the
// repository.
func (g *checkout) files(top string, cfg *config.Config) []string {
	var files []string
	for _, f := range cfg.Files {
		files = append(files, f.Path)
	}
	files = append(files, cfg.Read...)
	for _, f := range cfg.VarFiles { // of the folder, or named on the command line
		for _, name := range []string{filepath.Join(g.dir, f.Path), f.Path} {
			path, err := filepath.Abs(name)
			if err != nil || !isFile(path) {
				continue
			}
			if rel, err := filepath.Rel(top, path); err == nil && filepath.IsLocal(rel) {
				files = append(files, path)
			}
		}
	}
	return files
}
