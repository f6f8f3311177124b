package libwrap

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// is tells whether something matches.
type is int

const (
	no is = iota
	maybe
	yes
)

// truth is whether something matches, and if that can't be told, why.
type truth struct {
	is
	why string
}

func known(matches bool) truth {
	if matches {
		return truth{is: yes}
	}
	return truth{is: no}
}

func doubt(format string, args ...any) truth { return truth{maybe, fmt.Sprintf(format, args...)} }

func not(t truth) truth { return truth{yes - t.is, t.why} }

// and is no where one is, whatever the other one is.
func and(a, b truth) truth {
	if a.is <= b.is {
		return truth{a.is, cmp.Or(a.why, b.why)}
	}
	return truth{b.is, cmp.Or(b.why, a.why)}
}

func or(a, b truth) truth { return not(and(not(a), not(b))) }

// match tells whether a line with these lists is about the connection.
func match(daemons, clients string, c *Connection) truth {
	m := list(daemons, func(pattern string) truth { return daemon(pattern, c) })
	if m.is == no {
		return m
	}
	return and(m, list(clients, func(pattern string) truth { return client(pattern, c) }))
}

// list evaluates "a b EXCEPT c EXCEPT d", which groups to the right; a list that begins
// with EXCEPT matches nothing.
func list(text string, one func(pattern string) truth) truth {
	patterns := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
	var groups [][]string
	for start, i := 0, 0; i <= len(patterns); i++ {
		if i == len(patterns) || fold(patterns[i], "EXCEPT") {
			groups = append(groups, patterns[start:i])
			start = i + 1
		}
	}
	result := truth{}
	for i := len(groups) - 1; i >= 0; i-- {
		any := truth{}
		for _, p := range groups[i] {
			if any = or(any, one(p)); any.is == yes {
				break
			}
		}
		result = and(any, not(result))
	}
	return result
}

// daemon tells whether a pattern is about the process: by its name or by its port, and
// perhaps by the address that it was reached at.
func daemon(pattern string, c *Connection) truth {
	process, at, ok := cutAt(pattern)
	m := known(named(process, c))
	if !ok || m.is == no {
		return m
	}
	return and(m, host(at, c.Server))
}

func named(pattern string, c *Connection) bool {
	if port, ok := unsigned(pattern); ok && port <= 0xffff {
		return c.Port != 0 && int(port) == c.Port
	}
	return same(pattern, c.Daemon)
}

func client(pattern string, c *Connection) truth {
	user, at, ok := cutAt(pattern)
	if !ok {
		return host(pattern, c.Client)
	}
	m := host(at, c.Client)
	switch {
	case m.is == no:
		return m
	case c.User != "":
		return and(m, known(same(user, c.User)))
	case same(user, Unknown) && same(user, "root"): // whoever it is
		return m
	}
	return and(m, doubt("who connects, the client has to say (identd)"))
}

// cutAt takes "name@host" apart. One that begins with @ is a netgroup.
func cutAt(pattern string) (before, after string, ok bool) {
	before, after, ok = cut(pattern[1:], '@')
	return pattern[:1] + before, after, ok
}

// host tells whether a pattern is about one end of the connection.
func host(pattern string, h Host) truth {
	switch {
	case pattern == "": // "name@" and nothing
		return truth{}
	case pattern[0] == '@':
		return doubt("who is in the netgroup %q, the machine has to say", pattern[1:])
	case pattern[0] == '/':
		return doubt("what stands in %s is not known here", pattern)
	case fold(pattern, "KNOWN"), fold(pattern, "LOCAL"):
		return byName(pattern, h)
	}
	if network, mask, ok := cut(pattern, '/'); ok {
		return inNetwork(network, mask, h.Address)
	}
	if same(pattern, h.Address) {
		return known(true)
	}
	if zoned(pattern) {
		return doubt("which interface is meant by %s is not known here", pattern)
	}
	if strings.Trim(pattern, "0123456789./") == "" || isBracketed(pattern) {
		return truth{} // an address: names are not compared with it
	}
	if h.Name == "" {
		return doubt("what %s is called, the machine's name service has to say", h.Address)
	}
	return known(same(pattern, h.Name))
}

func byName(keyword string, h Host) truth {
	if h.Name == "" {
		return doubt("whether %s has a name, the machine's name service has to say", h.Address)
	}
	has := !fold(h.Name, Unknown) && !fold(h.Name, "paranoid")
	if fold(keyword, "LOCAL") {
		return known(has && !strings.Contains(h.Name, "."))
	}
	return known(has && !fold(h.Address, Unknown))
}

// same tells whether a pattern matches a text: the name of a process or of a user, a host
// name or an address.
func same(pattern, text string) bool {
	if rest, ok := strings.CutPrefix(strings.ToLower(text), "::ffff:"); ok {
		if _, ok := dotted(rest); ok {
			text = rest
		}
	}
	switch {
	case strings.ContainsAny(pattern, "*?"):
		return wild(pattern, text)
	case pattern[0] == '.':
		n := len(text) - len(pattern)
		return n > 0 && fold(text[n:], pattern)
	case fold(pattern, "ALL"):
		return true
	case fold(pattern, "KNOWN"):
		return !fold(text, Unknown)
	case strings.HasSuffix(pattern, "."):
		return len(text) >= len(pattern) && fold(text[:len(pattern)], pattern)
	case isBracketed(pattern):
		a, ok := numeric(pattern[1 : len(pattern)-1])
		b, isAddress := numeric(text)
		return ok && isAddress && a == b
	}
	return fold(pattern, text)
}

func isBracketed(pattern string) bool {
	return len(pattern) > 1 && pattern[0] == '[' && pattern[len(pattern)-1] == ']'
}

// fold is whether two texts are the same but for the case of their ASCII letters.
func fold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// wild matches ? and *. As libwrap does it, a * that stands before another wildcard needs
// something to be left of the text.
func wild(pattern, text string) bool {
	const undecided, matches, fails = 0, 1, 2
	seen := make([]byte, (len(pattern)+1)*(len(text)+1))
	var from func(p, t int) bool
	from = func(p, t int) bool {
		state := &seen[p*(len(text)+1)+t]
		if *state == undecided {
			*state = fails
			if oneOf(pattern, text, p, t, from) {
				*state = matches
			}
		}
		return *state == matches
	}
	return from(0, 0)
}

// oneOf matches one character of a pattern; from goes on with the rest.
func oneOf(pattern, text string, p, t int, from func(p, t int) bool) bool {
	switch {
	case p == len(pattern):
		return t == len(text)
	case pattern[p] != '*':
		return t < len(text) && (pattern[p] == '?' || lower(pattern[p]) == lower(text[t])) && from(p+1, t+1)
	case p+1 == len(pattern):
		return true
	case pattern[p+1] == '*' || pattern[p+1] == '?':
		return t < len(text) && (from(p+1, t) || from(p, t+1))
	}
	return t < len(text) && (lower(pattern[p+1]) == lower(text[t]) && from(p+2, t+1) || from(p, t+1))
}

// unsigned reads a whole number as sscanf's %u does.
func unsigned(s string) (uint32, bool) {
	digits := strings.TrimLeft(s, "\v\f")
	negative := strings.HasPrefix(digits, "-")
	if negative || strings.HasPrefix(digits, "+") {
		digits = digits[1:]
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, _ := strconv.ParseUint(digits, 10, 64) // the highest one where it is too long
	if negative && n != 1<<64-1 {
		n = -n
	}
	return uint32(n), true
}
