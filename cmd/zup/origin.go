package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"zup/plan"
	"zup/plan/checkout"
	"zup/plan/config"
	"zup/plan/escape"
)

// origin is who makes a plan, for which change request, and from which commit.
type origin struct {
	author string
	change string
	commit string // see plan.Plan.Commit

	commands []plan.CommandFile // that the configuration's commands name; set before find
	remarks  []remark           // what find could not find out
}

// remark is a warning about an origin, with what to do about it.
type remark struct{ text, hint string }

// add adds the flags of every command that makes a plan.
func (o *origin) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.author, "author", "", "who makes the plan, by the `name` in the signers file; default user.email of your own git settings, never the repository's, or user@host")
	cmd.Flags().StringVar(&o.change, "change", "", "bind the plan to this change request, by its `number`")
}

// said reports whether a flag was given.
func (o *origin) said() bool { return o.author != "" || o.change != "" }

// check looks at the flags.
func (o *origin) check() error {
	if o.change != "" && !isWord(o.change, 100) {
		return usagef("for example -change=CHG0012345", "-change: %s is not the number of a change request", quoted(o.change))
	}
	if o.author != "" && !isWord(o.author, 250) {
		return usagef("for example -author=alice@example.com", "-author: %s is not a name that a signers file could have", quoted(o.author))
	}
	return nil
}

// isWord reports whether a text is one word that needs no quotes, and that nobody can
// take for another one because of what is not seen in it, or looks like something else.
func isWord(s string, limit int) bool {
	return s != "" && len(s) <= limit && escape.Name(s) == s && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsPrint(r) || escape.Invisible(r) || strings.ContainsRune(" ,\"*?!", r) || r == unicode.ReplacementChar
	})
}

// quoted quotes a text so that what nobody would see in it is seen, and what looks
// like something else is told from it.
func quoted(s string) string {
	if escape.Name(s) != s {
		return strconv.QuoteToASCII(s)
	}
	return strconv.Quote(s)
}

// find fills in what the flags leave open. It starts no program that the
// configuration's directory or its repository could have chosen: the commit is read
// from git's own files, and git is asked only for what the user and the machine have set.
func (o *origin) find(ctx context.Context, c *cli, dir string, cfg *config.Config) {
	look := checkout.Look(ctx, checkout.Question{Dir: dir, Files: o.files(dir, cfg), Lists: lists(cfg), Belongs: config.IsSource})
	c.logger().Debug("commit", "top", look.Top, "commit", look.Commit, "changed", look.Changed, "doubt", look.Doubt)
	o.commit = o.committed(look)
	if o.author == "" {
		o.author = o.ownName(ctx, c, dir, look.Top)
	}
}

// committed puts into a word what is known about the commit.
func (o *origin) committed(look checkout.Answer) string {
	switch {
	case look.Commit == "" && look.Doubt == nil:
		return ""
	case look.Commit == "":
		o.remark("the commit itself is not part of what is signed; the plan has the text of the configuration",
			"the commit of the configuration is unknown: %v", look.Doubt)
		return plan.CommitUnknown
	case look.Changed != "":
		return look.Commit + plan.CommitChanged
	case look.Doubt != nil:
		o.remark("git fsck says whether the repository is damaged",
			"whether the configuration is as it is in commit %.12s could not be found out: %v", look.Commit, look.Doubt)
		return look.Commit + plan.CommitDoubt
	}
	return look.Commit
}

func (o *origin) remark(hint, format string, args ...any) {
	o.remarks = append(o.remarks, remark{escape.Line(fmt.Sprintf(format, args...)), hint})
}

// tell warns of what find could not find out.
func (o *origin) tell(c *cli) {
	for _, r := range o.remarks {
		fmt.Fprintf(c.err, "%s %s\n%s\n\n", c.errStyle().notice("Warning:"), r.text, r.hint)
		c.warned("", r.hint, "%s", r.text)
	}
}

// files lists every file that went into the configuration, or that it has commands
// run. What is not in the repository is passed over by checkout.
func (o *origin) files(dir string, cfg *config.Config) []checkout.File {
	var files []checkout.File
	add := func(path, sha256 string) { files = append(files, checkout.File{Path: path, SHA256: sha256}) }
	for _, f := range cfg.Files {
		add(f.Path, f.SHA256)
	}
	read := map[string]string{}
	for _, q := range cfg.Asked {
		if q.About == config.AskedText {
			read[cmp.Or(q.At, q.Path)] = q.SHA256
		}
	}
	for _, path := range cfg.Read {
		add(path, read[path]) // none, where the answer is withheld
	}
	if a := cfg.Approval; a != nil {
		add(a.Signers.Path, a.Signers.SHA256)
		if a.Revoked != nil {
			add(a.Revoked.Path, a.Revoked.SHA256)
		}
	}
	for _, a := range cfg.Exists {
		use := checkout.Absent
		if a.Exists {
			use = checkout.Exists
		}
		files = append(files, checkout.File{Path: a.Path, Use: use})
	}
	for _, f := range cfg.VarFiles {
		add(variableFile(dir, f), f.SHA256)
	}
	for _, f := range o.commands {
		if f.SHA256 != "" {
			add(f.Path, f.SHA256)
		}
	}
	return files
}

// lists are those that expressions have made of files.
func lists(cfg *config.Config) []checkout.List {
	all := make([]checkout.List, len(cfg.Listed))
	for i, l := range cfg.Listed {
		all[i] = checkout.List{Dir: l.Dir, Matches: l.Matches, Depth: l.Depth, Found: l.Found}
	}
	return all
}

// variableFile returns where a variable file was read: one of the directory's own is
// called as it is called there, one of the command line as it was given.
func variableFile(dir string, f config.VarFile) string {
	if !strings.Contains(f.Path, "/") && config.IsSource(f.Path) {
		if _, err := os.Lstat(filepath.Join(dir, f.Path)); err == nil {
			return f.Path
		}
	}
	path := f.Path
	for strings.HasPrefix(path, "./") { // with one more in front where a name was taken
		path = path[2:]
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
