package ssh

import (
	"strings"

	"zup/plan/shell"
)

// Hint says how to permit it.
func (e *SudoError) Hint() string {
	if e.User == readerWord { // an account that is to have no other rule than its own
		return hintToInstall("NODE")
	}
	return values{"said": e.Output, "rule": e.rule("ALL"), "ruleexec": e.rule("EXEC: ALL"),
		"notty": shell.Command("echo", "Defaults:"+e.sudoer()+" !requiretty") + " >>/etc/sudoers.d/zup"}.in(e.trouble().hint)
}

func (e *SudoError) rule(what string) string {
	return shell.Command("echo", e.sudoer()+" ALL=(root) NOPASSWD: "+what) + " >/etc/sudoers.d/zup"
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
