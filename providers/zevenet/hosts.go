package zevenet

import (
	"encoding/base64"
	"net/netip"
	"strings"
)

// match is what a hosts_access table says about one client.
type match int

// The answers. Where a pattern needs a name server, or is one that zup does not
// know, the answer is maybe.
const (
	no match = iota
	maybe
	yes
)

// tableText decodes a hosts_allow or hosts_deny fact. ok is false when the fact
// is unknown; a file that is not there is empty.
func tableText(fact string) (text string, ok bool) {
	switch fact {
	case "absent":
		return "", true
	case unknown:
		return "", false
	}
	data, err := base64.StdEncoding.DecodeString(fact)
	return string(data), err == nil
}

// matchTable looks for the first line of a hosts_access(5) table that a
// connection from client to sshd matches. A line without its line feed, which
// libwrap does not read but takes for an error, is never a match.
func matchTable(text string, client netip.Addr) (match, string) {
	best, where := no, ""
	for line := range logicalLines(text) {
		daemons, clients, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		m := min(matchList(daemons, matchDaemon), matchList(beforeOption(clients), func(p string) match { return matchClient(p, client) }))
		if m == yes {
			return yes, strings.TrimSpace(line)
		}
		if m > best {
			best, where = m, strings.TrimSpace(line)
		}
	}
	return best, where
}

// unterminated reports whether the table's last line has no line feed: libwrap
// then denies everybody whom no earlier line matched, in either table.
func unterminated(text string) bool { return text != "" && !strings.HasSuffix(text, "\n") }

func logicalLines(text string) func(func(string) bool) {
	return func(yield func(string) bool) {
		joined := ""
		for line := range strings.Lines(text) {
			body, ended := strings.CutSuffix(line, "\n")
			if !ended {
				return
			}
			if more, ok := strings.CutSuffix(body, `\`); ok {
				joined += more
				continue
			}
			line, joined = joined+body, ""
			if s := strings.TrimSpace(line); s == "" || s[0] == '#' {
				continue
			}
			if !yield(line) {
				return
			}
		}
	}
}

// beforeOption cuts what follows the client list: a shell command or an option.
// Colons inside [brackets] belong to an IPv6 address.
func beforeOption(clients string) string {
	depth := 0
	for i, c := range clients {
		switch c {
		case '[':
			depth++
		case ']':
			depth--
		case ':':
			if depth <= 0 {
				return clients[:i]
			}
		}
	}
	return clients
}

// matchList evaluates "a b EXCEPT c EXCEPT d", which groups to the right.
func matchList(list string, one func(string) match) match {
	patterns := strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
	best := no
	for i, p := range patterns {
		if p == "EXCEPT" {
			if best == no {
				return no
			}
			return min(best, yes-matchList(strings.Join(patterns[i+1:], " "), one))
		}
		best = max(best, one(p))
	}
	return best
}

func matchDaemon(p string) match {
	name, _, _ := strings.Cut(p, "@")
	switch {
	case name == "ALL" || name == "sshd":
		return yes
	case strings.HasPrefix(name, "sshd"): // sshd-session and the like
		return maybe
	}
	return no
}

func matchClient(p string, client netip.Addr) match {
	switch p {
	case "ALL":
		return yes
	case "LOCAL", "KNOWN", "UNKNOWN", "PARANOID":
		return maybe
	}
	if strings.HasPrefix(p, "/") || strings.HasPrefix(p, "@") || strings.ContainsAny(p, "*?") {
		return maybe // a file of patterns, a netgroup, wildcards
	}
	if _, host, ok := strings.Cut(p, "@"); ok { // user@host asks the client's identd
		return min(maybe, matchClient(host, client))
	}
	if prefix, ok := strings.CutSuffix(p, "."); ok && client.Is4() {
		return is(strings.HasPrefix(client.String(), prefix+"."))
	}
	if inner, ok := strings.CutPrefix(p, "["); ok { // [address] or [network]/length
		addr, length, closed := strings.Cut(inner, "]")
		if !closed || strings.Contains(addr, "/") {
			return maybe
		}
		p = addr + length
	}
	if addr, err := netip.ParseAddr(p); err == nil {
		return is(addr.Unmap() == client)
	}
	if m, known := matchNet(p, client); known {
		return m
	}
	return maybe // a host name or a domain
}

func matchNet(p string, client netip.Addr) (match, bool) {
	if prefix, err := netip.ParsePrefix(p); err == nil {
		return is(prefix.Contains(client)), true
	}
	net, mask, ok := strings.Cut(p, "/")
	n, errN := netip.ParseAddr(net)
	m, errM := netip.ParseAddr(mask)
	if !ok || errN != nil || errM != nil || !n.Is4() || !m.Is4() || !client.Is4() {
		return no, false
	}
	a, b, c := n.As4(), m.As4(), client.As4()
	for i := range a {
		if c[i]&b[i] != a[i] {
			return no, true
		}
	}
	return yes, true
}

func is(b bool) match {
	if b {
		return yes
	}
	return no
}
