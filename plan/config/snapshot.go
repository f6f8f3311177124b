package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

func (l *loader) readSnapshot(block *hcl.Block) *Snapshot {
	b := l.body(block, snapshotLayout)
	s := &Snapshot{Place: b.place}
	s.Create = l.readArgv(b, "create", true)
	s.Restore = l.readArgv(b, "restore", true)
	s.Delete = l.readArgv(b, "delete", true)
	s.List = l.readArgv(b, "list", false)
	if b.absent("create") {
		l.errorf(&b.place.Range, `missing "create"`, `It is the command that takes a snapshot: create = ["virsh", "snapshot-create-as", "{node}", "{name}"]`)
	}
	s.Secrets = l.readSecrets(b)
	if keep, ok := b.duration("keep_for"); ok {
		s.KeepFor = l.checkKeep(b, keep)
	}
	return s
}

// maxKeep is the longest time for which a snapshot can be kept.
const maxKeep = 366 * 24 * time.Hour

func (l *loader) checkKeep(b *body, keep time.Duration) *time.Duration {
	switch {
	case keep < 0 || keep > maxKeep:
		l.errorf(b.at("keep_for"), "keep_for is out of range", "It is a time from 0s, which is until the end of the run, to 8784h, a year.")
		return nil
	case b.absent("delete"):
		l.errorf(b.at("keep_for"), `keep_for without "delete"`, `Say with which command a snapshot is removed: delete = ["virsh", "snapshot-delete", "{node}", "{name}"]`)
		return nil
	}
	return &keep
}

// readArgv reads a command.
func (l *loader) readArgv(b *body, name string, named bool) Argv {
	v, ok := b.raw(name)
	if !ok || b.sensitive(name, v, "Declare what the command needs as a secret, and let it read the environment: secret \"token\" { } and secrets = [\"token\"]") {
		return nil
	}
	if t := v.Type(); !t.IsTupleType() && !t.IsListType() && !t.IsSetType() {
		l.errorf(b.at(name), fmt.Sprintf("wrong type for %q", name), `A command is a list with one string for each argument, because no shell reads it: ["program", "argument"]`)
		return nil
	}
	argv := Argv{}
	for _, elem := range v.Elements() {
		text, err := convert.Convert(elem, cty.String)
		switch {
		case err != nil:
			l.errorf(b.at(name), fmt.Sprintf("wrong type for %q", name), "Entry %d of the command is %s, not a string.", len(argv)+1, noun(elem.Type()))
			return nil
		case text.IsNull():
			l.errorf(b.at(name), fmt.Sprintf("wrong type for %q", name), "Entry %d of the command is null.", len(argv)+1)
			return nil
		}
		argv = append(argv, text.AsString())
	}
	if !l.checkArgv(b, name, argv, named) {
		return nil
	}
	return argv
}

func (l *loader) checkArgv(b *body, name string, argv Argv, named bool) bool {
	if len(argv) == 0 || argv[0] == "" {
		l.errorf(b.at(name), fmt.Sprintf("the command %q is empty", name), "Its first string is the program to run.")
		return false
	}
	ok, hasName := true, false
	for _, arg := range argv {
		if strings.ContainsRune(arg, 0) {
			l.errorf(b.at(name), fmt.Sprintf("the command %q has a zero byte in it", name), "No program can be given one.")
			return false
		}
		hasName = hasName || strings.Contains(arg, "{name}")
		for _, word := range placeholders(arg) {
			if word == "node" || word == "name" {
				continue
			}
			ok = false
			hint := "The placeholders are {node}, the node's name, and {name}, the snapshot's."
			if n := near(word, "node", "name"); n != "" {
				hint = fmt.Sprintf("Did you mean {%s}?", n)
			}
			l.errorf(b.at(name), fmt.Sprintf("unknown placeholder {%s}", word), "%s", hint)
		}
	}
	if named && !hasName && ok {
		ok = false
		l.errorf(b.at(name), fmt.Sprintf("the command %q lacks {name}", name), "Without it nobody can tell which snapshot it is about.")
	}
	return ok
}

// placeholders lists the words that stand in braces. Braces around anything else
// are the command's own affair.
func placeholders(s string) []string {
	var words []string
	for {
		open := strings.IndexByte(s, '{')
		if open < 0 {
			return words
		}
		s = s[open+1:]
		end := strings.IndexFunc(s, func(r rune) bool { return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_') })
		if end > 0 && s[end] == '}' {
			words = append(words, s[:end])
		}
	}
}
