// Package libwrap says what hosts.allow and hosts.deny make of a connection, as libwrap
// reads them: hosts_access(5), hosts_options(5), and what Debian's 7.6.q really does, which
// is compared with tcpdmatch and with sshd. Start with Decide. It reads no file, asks no
// name server and runs no command: what depends on one of them is unsure, never a no.
package libwrap

import (
	"cmp"
	"strings"
)

// Answer is what becomes of a connection.
type Answer int

// The answers. Unsure depends on what the tables alone do not say.
const (
	Denied Answer = iota
	Granted
	Unsure
)

// Unknown is what libwrap itself calls a name, an address or a user that it could not
// find out.
const Unknown = "unknown"

// Host is one end of a connection.
type Host struct {
	Address string // as inet_ntop prints it, or Unknown
	Name    string // as libwrap finds it out; "": only the machine itself could say
}

// Connection is what libwrap is asked about.
type Connection struct {
	Daemon string // name of the process
	Port   int    // where it listens; 0: libwrap does not know
	Client Host
	Server Host
	User   string // on the client; "": only its identd could say
}

// Table is one of the two files.
type Table struct {
	Path string // for people
	Text string // "" where there is no file
}

// Line is a line of a table, with those that continue it.
type Line struct {
	Path   string
	Number int    // of the first of them, from 1
	Text   string // without the line feed
	Answer Answer // what it does with a connection that it matches
	Cut    bool   // it has no line feed, or is too long: libwrap denies whoever gets as far
	Doubt  string // why it is not known whether it matches, or what it does; "": it is
}

// Verdict is what the tables make of a connection, and the lines that it hangs on, in the
// order in which they are read: the last one decides if no other one did. None: nothing
// matches, and libwrap grants.
type Verdict struct {
	Answer Answer
	Lines  []Line
}

// Decide says what libwrap makes of a connection. The first line of allow that matches
// grants, then the first one of deny that matches denies, unless their options say
// otherwise; what nothing matches is granted.
func Decide(allow, deny Table, c Connection) Verdict {
	d := decision{connection: &c}
	if next := d.read(allow, Granted); next {
		if next = d.read(deny, Denied); next {
			d.may[Granted] = true
		}
	}
	switch {
	case d.may[Unsure], d.may[Granted] && d.may[Denied]:
		d.Answer = Unsure
	case d.may[Granted]:
		d.Answer = Granted
	default:
		d.Answer = Denied
	}
	return d.Verdict
}

// decision is a verdict that is being made.
type decision struct {
	Verdict
	connection *Connection
	may        [3]bool // answers that the lines read so far may give
}

// read looks for the first line that matches; one that does gives that answer, if it has
// no options. next reports whether what comes after the table may count.
func (d *decision) read(t Table, answer Answer) (next bool) {
	r := reader{text: t.Text}
	for {
		text, number, whole := r.line()
		if text == "" {
			return true
		}
		l := Line{Path: t.Path, Number: number, Text: strings.TrimSpace(text), Answer: answer, Cut: !whole}
		if !whole { // libwrap reads no further, and this is an error that in deny denies
			if answer == Denied {
				d.add(l)
			}
			return answer == Granted
		}
		daemons, clients, options, ok := fields(text)
		if !ok {
			continue
		}
		m := match(daemons, clients, d.connection)
		if m.is == no {
			continue
		}
		e := effect(options, answer)
		l.Answer, l.Doubt = e.answer, cmp.Or(m.why, e.doubt)
		d.add(l)
		next = next || e.passes
		if m.is == yes {
			return next
		}
	}
}

func (d *decision) add(l Line) {
	d.Lines = append(d.Lines, l)
	d.may[l.Answer] = true
}

// fields takes a line apart. One that is empty, a comment or without a colon has none; what
// stands in brackets has no colons.
func fields(line string) (daemons, clients string, options *string, ok bool) {
	if line[0] == '#' || strings.Trim(line, " \t\r\n") == "" {
		return "", "", nil, false
	}
	daemons, rest, ok := cut(line, ':')
	if !ok {
		return "", "", nil, false
	}
	clients, rest, ok = cut(rest, ':')
	if ok {
		options = &rest
	}
	return daemons, clients, options, true
}

// cut is strings.Cut, but for separators between brackets. One bracket that has no other
// hides all that follows.
func cut(s string, sep byte) (before, after string, found bool) {
	depth := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == sep && depth == 0:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}
