// Package name holds the grammar of every name that becomes a part of a path, of a
// command or of another name: those of clusters, nodes, actions, facts, temporary
// changes, snapshots and runs. Each is what zup itself makes, and no more.
//
// The configuration is held to it when it is loaded, a plan, a state file and a
// journal when they are decoded. No name that passed begins with a dash or a dot, or
// has a slash, a blank or a control character in it; Change, whose two parts are
// joined by a slash, is the one exception, and ends at none of them.
package name

import (
	"net/netip"
	"strings"
)

// Longest is how many bytes a cluster's name, a node's and a probe's have at the most.
const Longest = 63

// longestAction is more than the names of a cluster and of a node with a kind make.
const longestAction = 200

// Cluster reports whether s can name a cluster, or a probe of a configuration:
// lower-case letters, digits, dashes and underscores, beginning with a letter or digit.
func Cluster(s string) bool {
	return within(s, Longest) && (isLower(s[0]) || isDigit(s[0])) && all(s, lower|digit|dash|underscore)
}

// Node reports whether s can name a node: one label of a host name.
func Node(s string) bool {
	return within(s, Longest) && s[0] != '-' && s[len(s)-1] != '-' && all(s, lower|upper|digit|dash)
}

// Word reports whether s can name a provider, a product, the kind of an action or a
// prompt: "take-over", "settle-2".
func Word(s string) bool {
	return within(s, Longest) && isLower(s[0]) && all(s, lower|digit|dash)
}

// Fact reports whether s can name a fact: "proxy_version".
func Fact(s string) bool {
	return within(s, Longest) && isLower(s[0]) && all(s, lower|digit|dash|underscore)
}

// Action reports whether s can be the ID of an action, "edge.zva5n2.update" or
// "edge.gate", or of a step of one: words joined by dots. A transcript and a job are
// called after it.
func Action(s string) bool {
	if !within(s, longestAction) {
		return false
	}
	for word := range strings.SplitSeq(s, ".") {
		if word == "" || word[0] == '-' || word[0] == '_' || !all(word, lower|upper|digit|dash|underscore) {
			return false
		}
	}
	return true
}

// Change reports whether s can name a temporary change: "lb1/weight", the node
// and what is changed there.
func Change(s string) bool {
	node, what, ok := strings.Cut(s, "/")
	return ok && Node(node) && within(what, Longest) && isLower(what[0]) && all(what, lower|digit|dash|underscore|dot)
}

// NodeFact reports whether s names a fact of a node, "zva5n1/role".
func NodeFact(s string) bool {
	node, fact, ok := strings.Cut(s, "/")
	return ok && Node(node) && Fact(fact)
}

// Probe reports whether s can name a probe: as a cluster is called, or, where nobody
// called it, by its address and port.
func Probe(s string) bool {
	if Cluster(s) {
		return true
	}
	addr, err := netip.ParseAddrPort(s)
	return err == nil && addr.Addr().Zone() == ""
}

// Package reports whether s can name a Debian package.
func Package(s string) bool {
	return within(s, Longest) && len(s) > 1 && (isLower(s[0]) || isDigit(s[0])) && all(s, lower|digit|dash|dot|plus)
}

// longestVersion is more than the version of any package has.
const longestVersion = 100

// Version reports whether s can be the version of a Debian package. Snapshots and files
// on nodes are called after it.
func Version(s string) bool {
	return within(s, longestVersion) && isDigit(s[0]) && all(s, lower|upper|digit|dash|dot|plus|tilde|colon)
}

// Release reports whether s can be what a node runs: a version, or packages with theirs,
// "haproxy 2.6.12-1, nginx 1.22.1-9".
func Release(s string) bool {
	if Version(s) {
		return true
	}
	for part := range strings.SplitSeq(s, ", ") {
		pkg, version, ok := strings.Cut(part, " ")
		if !ok || !Package(pkg) || !Version(version) {
			return false
		}
	}
	return len(s) <= 4096
}

// Snapshot reports whether s is what zup calls a snapshot, "zup-6.1.19-08bf4dcb": the
// version that it holds and eight hexadecimal digits. It is a word of a command.
func Snapshot(s string) bool {
	rest, ok := strings.CutPrefix(s, "zup-")
	at := strings.LastIndexByte(rest, '-')
	if !ok || at < 1 || at > longestVersion {
		return false
	}
	version, sum := rest[:at], rest[at+1:]
	return all(version, lower|upper|digit|dash|dot|underscore) && len(sum) == 8 && isHex(sum)
}

// Run reports whether s can be the ID of a run, "20261125T042052Z-4e1c". A folder is
// called after it, and jobs on nodes are.
func Run(s string) bool {
	return within(s, Longest) && s[0] != '-' && all(s, lower|upper|digit|dash)
}

// RunFile reports whether s can be a file of a run's folder, by its path below it:
// "report.json", "transcripts/edge.gate.txt".
func RunFile(s string) bool {
	if !within(s, 2*longestAction) || strings.Count(s, "/") > 1 {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part[0] == '.' || part[0] == '-' || !all(part, lower|upper|digit|dash|dot|underscore) {
			return false
		}
	}
	return true
}

// Remote reports whether s is the path of a file on a node: absolute, tidy, and
// without anything that a terminal or a shell would take for something else than a
// letter.
func Remote(s string) bool {
	if len(s) < 2 || len(s) > 4096 || s[0] != '/' {
		return false
	}
	for part := range strings.SplitSeq(s[1:], "/") {
		if part == "" || part == "." || part == ".." || part[0] == '-' || part[0] == '~' || !all(part, lower|upper|digit|dash|dot|underscore|plus|tilde|colon) {
			return false
		}
	}
	return true
}

// Kinds of characters.
const (
	lower = 1 << iota
	upper
	digit
	dash
	dot
	underscore
	plus
	tilde
	colon
)

// kinds says of every byte which characters it is.
var kinds = func() (k [256]uint16) {
	for c := range k {
		switch c := byte(c); {
		case isLower(c):
			k[c] = lower
		case 'A' <= c && c <= 'Z':
			k[c] = upper
		case isDigit(c):
			k[c] = digit
		}
	}
	k['-'], k['.'], k['_'], k['+'], k['~'], k[':'] = dash, dot, underscore, plus, tilde, colon
	return k
}()

func all(s string, allowed uint16) bool {
	for i := range len(s) {
		if kinds[s[i]]&allowed == 0 {
			return false
		}
	}
	return true
}

func within(s string, longest int) bool { return s != "" && len(s) <= longest }

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// Secret reports whether s can be the name of a secret: it is part of that of an
// environment variable, so letters, digits and underscores, no digit at its beginning.
func Secret(s string) bool {
	const longest = 63
	return s != "" && len(s) <= longest && !isDigit(s[0]) && all(s, lower|upper|digit|underscore)
}

// Digest reports whether s is a SHA-256 in lower-case hex.
func Digest(s string) bool { return len(s) == 64 && isHex(s) }

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}
