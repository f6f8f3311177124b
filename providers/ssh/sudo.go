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
	program, _, _ := strings.Cut(tried(e.How), " ")
	text := fmt.Sprintf("run as root with %s as user %s: ", tried(e.How), e.User)
	var shell *ShellError
	switch {
	case e.NoExec:
		return text + program + " lets nothing be started: " + e.Output
	case errors.As(e.Err, &shell): // it has the output
		return text + shell.Error()
	case errors.Is(e.Err, errWrongPassword):
		return text + "the password is not that of " + e.User + " there"
	case errors.Is(e.Err, ErrNobodyToAsk):
		return text + e.Err.Error()
	case e.Err != nil:
		return text + "it wants a password, and none came: " + escape.Line(e.Err.Error())
	}
	if c := e.known(); c != nil && c.sentence != "" {
		return text + strings.ReplaceAll(c.sentence, "USER", e.User) + ": " + e.Output
	}
	return text + program + " refused: " + e.Output
}

// Unwrap returns what it was if not sudo's own refusal.
func (e *SudoError) Unwrap() error { return e.Err }

// A sudoCase is a way in which sudo or doas says no, of those of Debian 11 to 13.
type sudoCase struct {
	says     []string // any of these
	sentence string   // USER stands for the user; "": what it said is as good
	hint     func(e *SudoError) string
}

func hintText(text string) func(*SudoError) string { return func(*SudoError) string { return text } }

var sudoCases = []sudoCase{
	{[]string{"must have a tty"}, "", func(e *SudoError) string {
		return "sudo wants a terminal there (requiretty), and zup has none: log in as root, or on the node: " +
			shell.Command("echo", "Defaults:"+e.sudoer()+" !requiretty") + " >>/etc/sudoers.d/zup"
	}},
	{[]string{"no new privileges", "setuid root", "nosuid", "not installed setuid"}, "", func(e *SudoError) string {
		program, _, _ := strings.Cut(tried(e.How), " ")
		return program + " can't become root where sshd runs there (a container, NoNewPrivileges in its unit, a file system mounted with nosuid): log in as root"
	}},
	{[]string{"sudo: not found", "sudo: command not found", "sudo: No such file"}, "", hintText("log in as root, or install it on the node: apt-get install sudo")},
	{[]string{"doas: not found", "doas: command not found", "doas: No such file"}, "", hintText("log in as root, or install it on the node: apt-get install doas; or use sudo: become = \"sudo\"")},
	{[]string{"doas: doas is not enabled"}, "doas has no /etc/doas.conf there", (*SudoError).hintOfRule},
	{[]string{"is not in the sudoers file", "may not run sudo", "is not allowed to run sudo"}, "", (*SudoError).hintOfRule},
	{[]string{"is not allowed to execute"}, "the rule that sudo there has for USER does not allow what zup runs, which is sh", (*SudoError).hintOfRule},
	{[]string{"Operation not permitted"}, "doas there has no rule for USER that allows what zup runs, which is sh", (*SudoError).hintOfRule},
	{[]string{"Password expired", "password is expired", "assword has expired", "Account or password is expired"}, "the password of USER has expired there", func(e *SudoError) string {
		return "log in by hand and change it: " + shell.Command("ssh", "-t", e.User+"@NODE", "passwd")
	}},
	{[]string{"Account expired", "account validation failure"}, "the account USER has expired there, or is locked", func(e *SudoError) string {
		return "look at it on the node, as root: " + shell.Command("chage", "-l", e.User) + "; " + shell.Command("chage", "-E", "-1", e.User) + " lets it live for ever"
	}},
	{[]string{"timed out reading password"}, "nobody gave the password of USER in the time that sudo allows (passwd_timeout)", hintText("run the same again")},
	{[]string{"syntax error", "parse error", "no valid sudoers sources", "owned by uid", "is world writable", "unable to open /etc/sudoers"}, "sudo can't use its rules there", hintText("look at them on the node, as root: visudo -c")},
}

func (e *SudoError) known() *sudoCase {
	for i := range sudoCases {
		for _, said := range sudoCases[i].says {
			if strings.Contains(e.Output, said) {
				return &sudoCases[i]
			}
		}
	}
	return nil
}

// Hint says how to permit it.
func (e *SudoError) Hint() string {
	var shell *ShellError
	switch c := e.known(); {
	case e.User == readerWord: // an account that is to have no other rule than its own
		return hintToInstall("NODE")
	case e.NoExec:
		return "its rule says NOEXEC, and under that nothing can be started: log in as root, or allow it on the node: " + e.allow("NOPASSWD: EXEC: ALL")
	case errors.Is(e.Err, ErrNobodyToAsk):
		return "in a pipeline: become = \"sudo\" and a rule that asks for no password, on the node: " + e.allow("NOPASSWD: ALL") + "; for zup plan and zup status a key that can only read is enough: zup reader -help"
	case errors.Is(e.Err, errWrongPassword):
		return "run it again; where the password of " + e.User + " is not the same on all nodes, give sudo rules that ask for none, on the node: " + e.allow("NOPASSWD: ALL") + " and become = \"sudo\""
	case errors.As(e.Err, &shell):
		return shell.Hint()
	case e.Err != nil:
		return "run it again where somebody can answer"
	case c != nil:
		return c.hint(e)
	}
	return e.hintOfRule()
}

func (e *SudoError) hintOfRule() string {
	if e.How == BecomeDoas {
		return "log in as root, or allow it on the node: " + shell.Command("echo", Rule(e.How, e.User)) + " >>/etc/doas.conf"
	}
	if e.How == BecomeSudoPassword {
		return "log in as root, or allow it on the node: " + e.allow("ALL")
	}
	return "log in as root, or allow it on the node: " + e.allow("NOPASSWD: ALL")
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
