package name

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// grammars are all of them, each with names that zup makes and with some that it does
// not.
var grammars = map[string]struct {
	is   func(string) bool
	good []string
	bad  []string
}{
	"Cluster":  {Cluster, []string{"edge", "e", "0", "pair-00001", "a_b", strings.Repeat("a", 63)}, []string{"Edge", "a.b", "_a", strings.Repeat("a", 64)}},
	"Node":     {Node, []string{"zva5n1", "A1", "noid-1", "0"}, []string{"a.b", "a_b", "a-", "node\u0430", strings.Repeat("a", 64)}},
	"Word":     {Word, []string{"zevenet", "stop-replication", "remove-image-2", "apt"}, []string{"Zevenet", "a.b", "a_b", "2a"}},
	"Fact":     {Fact, []string{"hosts_deny", "role", "x"}, []string{"Role", "a=b", "_a", "2"}},
	"Action":   {Action, []string{"edge.zva5n2.update", "edge.gate", "pair_1.A1.delete-snapshot-2", "edge.a.drain.undo1"}, []string{"edge..gate", "edge.gate.", ".gate", "edge.-x", "edge._x", strings.Repeat("a.", 101)}},
	"Change":   {Change, []string{"zva5n1/hosts.deny", "a/maintenance", "A1/image"}, []string{"hosts.deny", "a/b/c", "/x", "a/", "a/.x", "a/..", "a.b/x"}},
	"NodeFact": {NodeFact, []string{"zva5n1/role", "a1/digest"}, []string{"role", "a/b/c", "/x", "a/"}},
	"Probe":    {Probe, []string{"web", "192.0.2.10:443", "[2001:db8::1]:80"}, []string{"Web", "192.0.2.10", "fe80::1%eth0", "[fe80::1%eth0]:80", "host:80"}},
	"Snapshot": {Snapshot, []string{"zup-6.1.19-08bf4dcb", "zup-1.0-1-00000000", "zup-6.1.19_rc1-aaaaaaaa"},
		[]string{"--all", "zup", "zup-", "zup--08bf4dcb", "zup-6.1.19-08bf4dc", "zup-6.1.19-08bf4dcbb", "zup-6.1.19-08BF4DCB", "zup-6.1.19-08bf4dcg", "xup-6.1.19-08bf4dcb", "zup-6.1.19+1-08bf4dcb", "zup-" + strings.Repeat("1", 101) + "-08bf4dcb"}},
	"Version": {Version, []string{"6.1.19", "1:2.2.8-1+deb12u1", "8.5.0~rc1"}, []string{"v6", "6_1", "6/1", "6.1 x", strings.Repeat("1", 101)}},
	"Run":     {Run, []string{"20261125T042052Z-4e1c", "r1"}, []string{"a.b", "a_b", "..", strings.Repeat("a", 64)}},
	"RunFile": {RunFile, []string{"report.json", "transcripts/edge.zva5n2.update.txt", "transcripts/edge.gate.2.txt"}, []string{"transcripts/../x", "a/b/c", "/etc/passwd", "a//b", ".x", "x/.y", "a/"}},
	"Remote":  {Remote, []string{"/usr/local/zevenet/backups/backup-zup-6.1.19.tar.gz", "/x.iso", "/a/update-6.1.20+1.iso.zup-part", "/b/backup-zup-1:6.1.19~rc1.tar.gz"}, []string{"x", "/", "//x", "/a/../b", "/a/", "/a/./b", "/-x", "/a b", "/$(id)"}},
}

// hostile are names that no grammar takes.
var hostile = []string{
	"", ".", "..", "-", "--all", "-rf", "/", "/etc/passwd", "../../../evil", "a/../../b", "a\x00b", "a\nb", "a\tb", "a b", " a", "a ", "a\x1b[2Jb", "a\u202eb", "a\ufe0fb",
	"\u0430dmin", "a\u2800b", "$(id)", "`id`", "a;b", "a|b", "a&b", "a>b", "a*b", "a?b", "a'b", "a\"b", "a\\b", "a=b", "a,b", "a\xffb", "~root", "#a", "%s", "a{b}", "{name}", "{node}", "caf\u00e9",
}

func TestNames(t *testing.T) {
	for what, g := range grammars {
		for _, s := range g.good {
			if !g.is(s) {
				t.Errorf("%s: %q is not taken", what, s)
			}
		}
		for _, s := range append(g.bad, hostile...) {
			if s == "/etc/passwd" && what == "Remote" { // of a node
				continue
			}
			if g.is(s) {
				t.Errorf("%s: %q is taken", what, s)
			}
		}
	}
}

// Whatever passes is one word of a command and one part of a path, and nothing in it is
// invisible or looks like another letter.
func TestWhatPassesIsHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(
			rapid.String(), rapid.StringMatching(`[-./_a-zA-Z0-9+:\[\] ~\x00\x1b]{0,80}`),
			rapid.StringMatching(`zup-[-._a-zA-Z0-9/ ]{0,20}-[0-9a-f]{7,9}`), rapid.StringMatching(`[-a-z0-9]{1,5}/[-._/a-z0-9]{1,8}`),
		).Draw(t, "s")
		for what, g := range grammars {
			if !g.is(s) {
				continue
			}
			slashes := map[string]int{"Change": 1, "NodeFact": 1, "RunFile": 1, "Remote": 1 << 10}[what]
			switch {
			case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsGraphic(r) || r == ' ' }):
				t.Fatalf("%s takes %q", what, s)
			case strings.ContainsAny(s, "\"'`$&|;<>(){}*?!\\#=,%@") || s[0] == '-' || s[0] == '.' || s[0] == '~':
				t.Fatalf("%s takes %q", what, s)
			case strings.Count(s, "/") > slashes:
				t.Fatalf("%s takes %q", what, s)
			}
			for part := range strings.SplitSeq(strings.TrimPrefix(s, "/"), "/") {
				if part == "" || part == "." || part == ".." || part[0] == '-' || part[0] == '~' {
					t.Fatalf("%s takes %q", what, s)
				}
			}
		}
	})
}
