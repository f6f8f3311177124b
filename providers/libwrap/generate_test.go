package libwrap

import (
	"math/rand/v2"
	"strings"
)

// generator writes tables that are near enough to each other and to the connection that
// much of what it writes matches, and strange enough that much of it does not.
type generator struct{ *rand.Rand }

func (g generator) one(of ...string) string { return of[g.IntN(len(of))] }

func (g generator) often(percent int) bool { return g.IntN(100) < percent }

// cased is a word in any case.
func (g generator) cased(word string) string {
	switch g.IntN(4) {
	case 0:
		return strings.ToLower(word)
	case 1:
		b := []byte(word)
		for i := range b {
			if g.often(50) {
				b[i] = strings.ToUpper(string(b[i]))[0]
			}
		}
		return string(b)
	}
	return word
}

func (g generator) table() string {
	var b strings.Builder
	for range g.IntN(5) {
		b.WriteString(g.line())
		switch {
		case g.often(4):
			b.WriteString("\r\n")
		case g.often(2):
			b.WriteString("\\\n")
		case g.often(2):
			b.WriteString("\x00\n")
		default:
			b.WriteByte('\n')
		}
	}
	text := b.String()
	if g.often(6) {
		text = strings.TrimRight(text, "\n")
	}
	if g.often(6) && text != "" {
		i := g.IntN(len(text))
		text = text[:i] + g.one("\x00", "\\\n", "\n", ":", " ", ",", "\t", "[", "]", "@", "/", "*", "?", "#", "\xe9", "\r", "\v", "\f", ".", "%", "=", `\`) + text[i:]
	}
	return text
}

func (g generator) line() string {
	switch g.IntN(20) {
	case 0:
		return g.one("", " ", "\t", "# "+g.rule(), " # "+g.rule(), "#", "sshd", "\\", "::", ":", "a b c")
	case 1:
		return g.rule() + " # " + g.rule()
	case 2: // around the size of the buffer
		pad := 2030 + g.IntN(30)
		return "sshd: " + strings.Repeat("1", max(0, pad-6-len(g.address()))) + " " + g.address()
	case 3:
		return strings.ReplaceAll(g.rule(), " ", "\\\n")
	}
	return g.rule()
}

func (g generator) rule() string {
	s := g.blank() + g.list(g.daemon) + g.blank() + ":" + g.blank() + g.list(g.client) + g.blank()
	for range max(0, g.IntN(6)-3) {
		s += ":" + g.blank() + g.option() + g.blank()
	}
	return s
}

func (g generator) blank() string { return g.one("", "", "", " ", " ", "\t", "  ", ",", ", ") }

func (g generator) list(item func() string) string {
	var words []string
	for range 1 + g.IntN(3) {
		words = append(words, item())
	}
	for g.often(25) {
		words = append(words, g.cased("EXCEPT"))
		for range g.IntN(3) {
			words = append(words, item())
		}
	}
	if g.often(3) {
		words = append([]string{g.cased("EXCEPT")}, words...)
	}
	return strings.Join(words, g.one(" ", ", ", ",", "\t", " , "))
}

func (g generator) daemon() string {
	d := g.one("sshd", "sshd", "sshd", g.cased("ALL"), g.cased("sshd"), "in.telnetd", "s*", "ss?d", "*", "?", "sshd?", "*d", "**", "sshd*", "*?*", "sshd.", ".hd", ".sshd",
		"22", "022", "+22", "-1", "65536", "sshd-session", "sshd-*", "[sshd]", g.cased("KNOWN"), g.cased("LOCAL"), g.cased("UNKNOWN"), "@sshd", "/sshd", "ssh", "sshdd", `sshd\`)
	switch {
	case g.often(6):
		return d + "@" + g.host()
	case g.often(2):
		return d + "@"
	}
	return d
}

func (g generator) client() string {
	switch {
	case g.often(8):
		return g.one("root", g.cased("ALL"), g.cased("UNKNOWN"), "unknown", g.cased("KNOWN"), "*", "un*", "", "r?ot", "u.") + "@" + g.host()
	case g.often(2):
		return "@" + g.one("friends", "ALL", "")
	}
	return g.host()
}

func (g generator) host() string {
	switch g.IntN(9) {
	case 0:
		return g.cased(g.one("ALL", "ALL", "LOCAL", "KNOWN", "UNKNOWN", "PARANOID"))
	case 1:
		return g.one("zva5n2", "zva5n2.example.net", ".example.net", ".net", "zva5n2.", "example.net.", "*.example.net", "zva5n?", "localhost", "unknown", "un*", "*known", "paranoid")
	case 2:
		return g.one("/", "/32", "/x", "1/2/3", "@", "a@b@c", "[", "]", "[]", "[]/0", "[::]", "*", "?", "**", "...", ".", "1.", "192", "192.168", "2001:db8::25", "[2001:db8::25", "2001:db8::25]")
	case 3, 4:
		return g.network()
	}
	return g.address()
}

func (g generator) address() string {
	return g.one(
		"192.168.100.25", "192.168.100.25", "192.168.100.2", "192.168.100.250", "10.0.0.1", "192.168.100.", "192.168.", "192.", "192.168.100.2.", ".25", ".100.25", ".168.100.25",
		"192.168.100.25.", "192.168.100.2?", "192.168.*", "*.25", "1*1*1*5", "*1*?5", "192.168.100.025", "0xc0.168.100.25", "192.168.25700", "192.168.100.*", "?92.*", "*:*",
		"[2001:db8::25]", "[2001:DB8:0:0::25]", "[2001:0db8::0025]", "[::1]", "[fe80::1]", "[fe80::1%1]", "[2001:db8::25%1]", "[::ffff:192.168.100.25]", "[192.168.100.25]", "[2001:db8:*", "2001*", "2001:*", "*25", "[2001:db8::26]",
		"[::FFFF:10.0.0.1]", "[2001:db8::25]/", "[2001:db8::25]x", "x[2001:db8::25]")
}

func (g generator) network() string {
	return g.one(
		"192.168.100.0", "192.168.100.25", "192.168.100.24", "192.168.0.0", "192.0.0.0", "0.0.0.0", "10.0.0.0", "192.168.100", "192.168.100.025", "0xc0.0xa8.0x64.0x19", "255.255.255.255", "0300.0250.0144.031", "192.168.100.0.",
		"[2001:db8::]", "[2001:db8::25]", "[::]", "[fe80::]", "[2001:db8::/32]", "2001:db8::", "[192.168.100.0]", "[2001:db8:0:0:8000::]", "[fe80::%1]") + "/" +
		g.one("24", "24", "32", "31", "30", "8", "0", "1", "33", "64", "65", "128", "129", "127", "-1", "+24", "024", "24x", "x", "", "255.255.255.0", "255.255.255.255", "255.255.255.254", "255.0.0.0", "0.0.0.0", "255.255.0.255", "0xffffff00", "4294967320", "99999999999999999999", "0377.0377.0377.0", "24/24")
}

func (g generator) option() string {
	o := g.one("allow", "deny", "ALLOW", "Deny", "spawn echo hi", "spawn (echo %h) &", "spawn", "twist echo 421 no", "twist", "severity info", "severity auth.info", "severity mail.nothing", "severity warn", "severity .info", "severity auth.",
		"setenv A b", "setenv A=b c", "setenv A", "setenv =", "setenv", "banners /nonexistent", "banners", "keepalive", "keepalive 1", "umask 022", "umask 0777", "umask 8", "umask -1", "umask 1000", "user nobody", "user nobodyatall", "group nogroup", "user root.root",
		"nice", "nice 5", "nice x", "nice -5", "nice 5x", "rfc931", "rfc931 5", "rfc931 0", "rfc931 -1", "rfc931 x", "linger 5", "linger -1", "linger x", "linger 99999999999", "aclexec true", "aclexec false", "aclexec", "", "foo", "allow = ", "deny=x", "allow =", `spawn a\:b`, `\:`, "spawn=echo x", "spawn = echo x", "umask=022", "umask = 022", "= allow")
	return o
}
