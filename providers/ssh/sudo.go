package ssh

import (
	"errors"
	"fmt"
	"strings"

	"zup/plan/escape"
	"zup/plan/shell"
)

// A SudoError says that a user other than root could not become root.
type SudoError struct {
	User   string
	How    string // one of Becomes; "": BecomeSudo
	Output string // what sudo or doas said, escaped
	NoExec bool   // it let a shell begin that may start nothing
	Err    error  // what it was if not its own refusal; may be nil
}

func (e *SudoError) Error() string {
	text := fmt.Sprintf("run as root with %s as user %s: ", tried(e.How), e.User)
	var shell *ShellError
	if errors.As(e.Err, &shell) { // it has the output
		return text + shell.Error()
	}
	return text + e.values().in(e.trouble().sentence)
}

// Unwrap returns what it was if not sudo's own refusal.
func (e *SudoError) Unwrap() error { return e.Err }

// trouble is the table's row of somebody who does not become root.
func (e *SudoError) trouble() trouble {
	switch {
	case e.NoExec:
		return troubleOf(endNoExec, "")
	case errors.Is(e.Err, errWrongPassword):
		return troubleOf(endWrongPassword, "")
	case errors.Is(e.Err, ErrNobodyToAsk):
		return troubleOf(endNobody, "")
	case e.Err != nil:
		return troubleOf(endNoPassword, "")
	}
	return troubleOf(endSudo, e.Output)
}

// Hint says how to permit it.
func (e *SudoError) Hint() string {
	var shell *ShellError
	switch {
	case e.User == readerWord: // an account that is to have no other rule than its own
		return hintToInstall("NODE")
	case errors.As(e.Err, &shell):
		return shell.Hint()
	}
	return e.values().in(e.trouble().hint)
}

func (e *SudoError) values() values {
	program, _, _ := strings.Cut(tried(e.How), " ")
	v := values{
		"said": e.Output, "program": program, "name": e.User, "user": shell.Quote(e.User), "rule": e.allow("NOPASSWD: ALL"), "rulenopass": e.allow("NOPASSWD: ALL"),
		"ruleexec": e.allow("NOPASSWD: EXEC: ALL"), "passwd": shell.Command("ssh", "-t", e.User+"@NODE", "passwd"),
		"notty": shell.Command("echo", "Defaults:"+e.sudoer()+" !requiretty") + " >>/etc/sudoers.d/zup",
	}
	if e.Err != nil {
		v["said"] = escape.Line(e.Err.Error())
	}
	switch e.How {
	case BecomeDoas:
		v["rule"] = shell.Command("echo", Rule(e.How, e.User)) + " >>/etc/doas.conf"
	case BecomeSudoPassword:
		v["rule"] = e.allow("ALL")
	}
	return v
}

func (e *SudoError) allow(what string) string {
	return shell.Command("echo", e.sudoer()+" ALL=(root) "+what) + " >/etc/sudoers.d/zup"
}

// sudoer is the user as sudoers(5) has it: what means something there is escaped.
func (e *SudoError) sudoer() string {
	var b strings.Builder
	for _, r := range e.User {
		if strings.ContainsRune(`@!=:,()\ "#%+`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Rule is the line of sudoers or doas.conf that a user needs to become root in this way.
func Rule(how, user string) string {
	e := &SudoError{User: user}
	switch how {
	case BecomeDoas:
		if strings.Trim(user, plain) != "" {
			user = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(user) + `"`
		}
		return "permit nopass " + user + " as root cmd sh"
	case BecomeSudoPassword:
		return e.sudoer() + " ALL=(root) ALL"
	}
	return e.sudoer() + " ALL=(root) NOPASSWD: ALL"
}
