package libwrap

import (
	"cmp"
	"strconv"
	"strings"
)

// outcome is what a line does with a connection that it matches.
type outcome struct {
	answer Answer
	passes bool   // it may be as if the rest of its table did not match
	doubt  string // why that is not all that is known
}

// effect works out what a line's options do; answer is what becomes of a connection
// without them. An option that libwrap does not understand denies.
func effect(options *string, answer Answer) outcome {
	if options == nil {
		return outcome{answer: answer}
	}
	denies, asks := "", "" // why it may be denied before the end, and what else decides at the end
	for field, rest, more := option(*options); ; field, rest, more = option(rest) {
		key, value := keyword(field)
		o, ok := kinds[strings.ToLower(key)]
		if !ok || value == "" && o.value == needed || value != "" && o.value == none || more && o.last {
			return outcome{answer: Denied}
		}
		s := o.does(value)
		switch {
		case s.ends && s.answer == Denied:
			return outcome{answer: Denied}
		case s.ends && denies != "":
			return outcome{answer: Unsure, doubt: denies}
		case s.ends:
			return outcome{answer: s.answer, doubt: s.asks}
		}
		denies, asks = cmp.Or(denies, s.denies), cmp.Or(asks, s.asks)
		if more {
			continue
		}
		out := outcome{answer: answer, passes: asks != "" && answer == Granted, doubt: cmp.Or(denies, asks)}
		if denies != "" && answer == Granted || asks != "" && answer == Denied {
			out.answer = Unsure
		}
		return out
	}
}

// option cuts the first option off; a colon of its own has a backslash in front.
func option(s string) (field, rest string, more bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == ':':
			return b.String(), s[i+1:], s[i+1:] != ""
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == ':':
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), "", false
}

const blanks = " \t\n\v\f\r"

// keyword takes "key value", "key=value" and "key = value" apart.
func keyword(field string) (key, value string) {
	field = strings.Trim(field, blanks)
	end := strings.IndexAny(field, "= \t\r\n")
	if end < 0 {
		return field, ""
	}
	value = strings.TrimLeft(field[end:], " \t\r\n")
	if rest, ok := strings.CutPrefix(value, "="); ok {
		value = strings.TrimLeft(rest, " \t\r\n")
	}
	return field[:end], value
}

// Whether an option has a value.
type value int

const (
	none value = iota
	optional
	needed
)

// deed is what one option does.
type deed struct {
	ends   bool // nothing after it counts
	answer Answer
	denies string // why it may deny, if that can't be told
	asks   string // what decides in the end
}

var (
	goesOn = deed{}
	denied = deed{ends: true}
)

func goesOnIf(fine bool) deed {
	if fine {
		return goesOn
	}
	return denied
}

// kinds are the options that Debian's libwrap knows.
var kinds = map[string]struct {
	value value
	last  bool // nothing may follow
	does  func(value string) deed
}{
	"allow":     {none, true, func(string) deed { return deed{ends: true, answer: Granted} }},
	"deny":      {none, true, func(string) deed { return denied }},
	"keepalive": {none, false, func(string) deed { return goesOn }},
	"banners":   {needed, false, func(string) deed { return goesOn }},
	"user":      {needed, false, account},
	"group":     {needed, false, account},
	"spawn":     {needed, false, func(v string) deed { return deed{denies: expanded(v)} }},
	"twist": {needed, true, func(string) deed {
		return deed{ends: true, answer: Unsure, asks: "it hands the connection to a command"}
	}},
	"aclexec": {needed, false, func(v string) deed {
		return deed{denies: expanded(v), asks: "a command of its own decides"}
	}},
	"setenv":   {needed, false, setenv},
	"severity": {needed, false, severity},
	"umask": {needed, false, func(v string) deed {
		n, ok := octal(v)
		return goesOnIf(ok && n <= 0o777)
	}},
	"linger": {needed, false, func(v string) deed {
		n, ok := whole(v)
		return goesOnIf(ok && n >= 0)
	}},
	"rfc931": {optional, false, func(v string) deed {
		n, ok := whole(v)
		return goesOnIf(v == "" || ok && n > 0)
	}},
	"nice": {optional, false, func(v string) deed {
		_, ok := whole(v)
		return goesOnIf(v == "" || ok)
	}},
}

func account(string) deed { return deed{denies: "whether it has that account, the machine has to say"} }

// expanded says why what a command's % expand to may be too long; "" where it can't be.
func expanded(command string) string {
	if strings.Count(command, "%") <= 24 {
		return ""
	}
	return "whether its command is too long, the machine has to say"
}

func setenv(v string) deed {
	name := v
	if end := strings.IndexAny(v, " \t\r\n"); end >= 0 {
		name = v[:end]
	}
	if strings.Contains(name, "%") {
		return deed{denies: "what it calls a variable, the machine has to say"}
	}
	name = strings.Trim(name, blanks)
	return goesOnIf(name != "" && !strings.Contains(name, "="))
}

func severity(v string) deed {
	facility, level, both := cut(v, '.')
	if !both {
		level = facility
	}
	const (
		facilities = " kern user mail daemon auth lpr news uucp cron local0 local1 local2 local3 local4 local5 local6 local7 "
		levels     = " emerg alert crit err warning notice info debug "
	)
	return goesOnIf((!both || among(facilities, facility)) && among(levels, level))
}

func among(words, word string) bool {
	return word != "" && !strings.ContainsAny(word, blanks) && strings.Contains(words, " "+strings.ToLower(word)+" ")
}

// whole reads a number as sscanf's %d does, if nothing follows it.
func whole(s string) (int32, bool) {
	s = strings.TrimLeft(s, blanks)
	digits := s
	if s != "" && (s[0] == '-' || s[0] == '+') {
		digits = s[1:]
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	return leading(s), true
}

// octal is whole for %o.
func octal(s string) (uint32, bool) {
	digits := strings.TrimLeft(s, blanks)
	negative := strings.HasPrefix(digits, "-")
	if negative || strings.HasPrefix(digits, "+") {
		digits = digits[1:]
	}
	if digits == "" || strings.Trim(digits, "01234567") != "" {
		return 0, false
	}
	n, _ := strconv.ParseUint(digits, 8, 64)
	if negative {
		n = -n
	}
	return uint32(n), true
}
