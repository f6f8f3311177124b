package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"zup/plan/disk"
	"zup/providers"
	"zup/providers/reader"
	"zup/providers/ssh"
)

// readerParts are the files of a reader by the names that -part takes.
var readerParts = []string{"authorized_keys", "install", "script", "sudoers"}

func (c *cli) readerCommand() *cobra.Command {
	var keys []string
	var user, part string
	var remove bool
	cmd := &cobra.Command{
		Use:   "reader",
		Short: "Print what lets a key read from a node and do nothing else",
		Long: `reader prints a script for a node. Run there as root it installs an account, the
line of its authorized_keys, one script and its sudo rule, so that "zup plan", "zup
status" and "zup init -from" work with that key, and nothing else does: no apply, no
shell, no file transfer, no forwarding.

  zup reader -key FILE.pub | ssh root@NODE sh

It connects to nothing and holds no secret. Each zup says when the script on a node is
older than it needs; the same command replaces it.`,
		Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			text, err := readerText(keys, user, part, remove)
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.filtered(), text)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&keys, "key", nil, "the public key that may read, from this `file`; more than once for several")
	flags.StringVar(&user, "user", reader.DefaultUser, "the account that is made for it, by this `name`")
	flags.StringVar(&part, "part", "install", "print only this `part`: install, authorized_keys, script or sudoers")
	flags.BoolVar(&remove, "remove", false, "print what takes it away again")
	must(cmd.RegisterFlagCompletionFunc("part", cobra.FixedCompletions(readerParts, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func readerText(keys []string, user, part string, remove bool) (string, error) {
	if err := reader.CheckUser(user); err != nil {
		return "", usagef("for example -user="+reader.DefaultUser, "-user: %w", err)
	}
	r := reader.Reader{User: user, Products: readable(), Version: version}
	switch {
	case remove && (len(keys) > 0 || part != "install"):
		return "", usagef("zup reader -remove", "-remove takes all of it away, whoever's key it is: -key and -part have no place beside it")
	case remove:
		return r.Remove(), nil
	case !slices.Contains(readerParts, part):
		return "", usagef("one of "+strings.Join(readerParts, ", "), "-part: there is no part %q", part)
	case part == "script":
		return r.Script(), nil
	case part == "sudoers":
		return r.Sudoers(), nil
	case len(keys) == 0:
		return "", usagef("zup reader -key ~/.ssh/zup_reader.pub; ssh-keygen -t ed25519 -f ~/.ssh/zup_reader makes one", "reader needs the public key that may read")
	}
	for _, file := range keys {
		line, err := readerKey(file)
		if err != nil {
			return "", fail(exitError, "ssh-keygen -t ed25519 -f FILE makes one, in FILE.pub", "read key %s: %w", file, err)
		}
		if !slices.Contains(r.Keys, line) {
			r.Keys = append(r.Keys, line)
		}
	}
	if part == "authorized_keys" {
		return r.AuthorizedKeys(), nil
	}
	return r.Install(), nil
}

// maxPublicKey is how large a file with a public key is at most, in bytes.
const maxPublicKey = 16 << 10

// readerKey reads one public key. Nothing is waited for, and nothing large is read.
func readerKey(path string) (string, error) {
	text, err := disk.ReadFile(path, maxPublicKey)
	if err != nil {
		return "", err
	}
	return reader.ParseKey(text)
}

// mayChange returns why nothing can be changed on the nodes that were connected to: the
// key that was let in may only read. Who may do more is not asked for more.
func (f *fleet) mayChange() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, at := range slices.Sorted(maps.Keys(f.hosts)) {
		if f.hosts[at].onlyReads() {
			cluster, node, _ := strings.Cut(at, "/")
			lines = append(lines, fmt.Sprintf("cluster %q, node %q: the key that lets zup in there is for zup reader", cluster, node))
		}
	}
	if lines == nil {
		return nil
	}
	return fail(exitError, ssh.HintOfReader, "this key may only read; nothing was changed\n%s", joinLines(lines))
}

// onlyReads reports whether a reader answers, as far as is known.
func (c *connection) onlyReads() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.host != nil && c.host.Reader() != nil
}

// readable is what a reader can read of every product.
func readable() []reader.Product {
	var all []reader.Product
	for name, p := range providers.All() {
		all = append(all, reader.Product{Name: name, Script: p.FactsScript(), Facts: p.ObservedFacts()})
	}
	return all
}

// readsFacts is what a reader is asked instead of a script, "" if it does not know the
// script.
func readsFacts(script string, names []string) string {
	if p, ok := readableByScript()[script]; ok {
		return ssh.ReadsFacts(p.name, p.digest, names)
	}
	return ""
}

type readableProduct struct{ name, digest string }

var readableByScript = sync.OnceValue(func() map[string]readableProduct {
	all := map[string]readableProduct{}
	for _, p := range readable() {
		all[p.Script] = readableProduct{p.Name, p.Digest()}
	}
	return all
})
