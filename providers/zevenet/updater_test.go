package zevenet

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"zup/plan"
)

// program writes an executable shell script into the sandbox.
func (s *sandbox) program(name, body string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	s.write(name, "#!/bin/sh\n"+body)
	if err := os.Chmod(s.path(name), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// Of what an updater prints only a command that is known is run, and never the
// text itself.
func TestPrintedCommand(t *testing.T) {
	for said, want := range map[string]string{
		"To upgrade, execute: apt-get --with-new-pkgs upgrade":                            "apt-get --with-new-pkgs upgrade\n",
		"3 package(s) require upgrade\nTo upgrade, execute:\napt --with-new-pkgs upgrade": "apt --with-new-pkgs upgrade\n",
		"To upgrade, execute: apt-get --with-new-pkgs upgrade; touch $ran":                "apt-get --with-new-pkgs upgrade\n",
		"To upgrade, execute: apt-get dist-upgrade":                                       "(absent)",
		"apt-get --with-new-pkgs upgrade or apt --with-new-pkgs upgrade":                  "(absent)",
		"apt-get --with-new-pkgs --force-yes upgrade":                                     "(absent)",
		"Zevenet Packages are up-to-date.":                                                "(absent)",
		"":                                                                                "(absent)",
	} {
		t.Run(said, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			s.write("said", said+"\n")
			s.program("root/bin/checkupgrades", `[ $# = 0 ] && cat `+quote(s.path("said")))
			for _, apt := range []string{"apt", "apt-get"} {
				s.program("root/bin/"+apt, `echo "`+apt+` $*" >>`+quote(s.path("ran")))
			}
			text := strings.NewReplacer(
				"/usr/local/zevenet", s.path("root"), "PATH=/usr/local/sbin:", "PATH="+quote(s.path("root/bin"))+":/usr/local/sbin:",
			).Replace(script("update_printed", ""))
			cmd := exec.Command("sh")
			cmd.Stdin = strings.NewReader(text)
			out, err := cmd.CombinedOutput()
			if got := s.read("ran"); got != want || (err == nil) != (want != "(absent)") {
				t.Errorf("ran %q, want %q (%v)\n%s", got, want, err, out)
			}
			if want == "(absent)" && !strings.Contains(string(out), "zup: the updater prints no command that is known") {
				t.Errorf("it says %q", out)
			}
		})
	}
}

// What an updater can do is read in its text, in whatever way it tells its options
// apart; it is never run.
func TestUpdaterAbilities(t *testing.T) {
	for name, tt := range map[string]struct{ body, want string }{
		"quoted arms":            {"case \"$1\" in\n'')\n\tcheck\n;;\n'-n')\n\tnumber\n;;\n'-i')\n\tupgrade\n;;\nesac", "install"},
		"bare arms":              {"case \"$1\" in\n-n) number ;;\n-i) upgrade ;;\nesac", "install"},
		"arms with alternatives": {"case $1 in\n-n | --number)\n;;\n-i|--install) upgrade\n;;\nesac", "install"},
		"arms with parentheses":  {"case $1 in\n  (-n) number ;;\n  (\"-i\") upgrade ;;\nesac", "install"},
		"on one line":            {"case $1 in -n) number ;; -i) upgrade ;; *) package ;; esac", "install"},
		"with a comment behind":  {"case $1 in\n'-i')   # install what is new\n\tupgrade ;;\nesac", "install"},
		"test":                   {"if [ \"$1\" = \"-i\" ]; then upgrade; fi", "install"},
		"test with a default":    {"[ \"${1:-}\" == '-i' ] && upgrade", "install"},
		"test with an x":         {"if test x$1 = x-i; then upgrade; fi", "install"},
		"test, turned round":     {"if [ \"-i\" = \"$1\" ]; then upgrade; fi", "install"},
		"double brackets":        {"if [[ $option == -i ]]; then upgrade; fi", "install"},
		"getopts":                {"while getopts ':nlih' o; do :; done", "install"},
		"Perl":                   {"if ($ARGV[0] eq '-n') { number(); }\nelsif ($ARGV[0] eq '-i') { upgrade(); }", "install"},

		"no -i":                          {"case \"$1\" in\n'') check ;;\n'-n') number ;;\n'-l') list ;;\n'-help') help ;;\n*) package ;;\nesac\necho 'To upgrade, execute: apt-get --with-new-pkgs upgrade'", "bare"},
		"-i in a comment":                {"case $1 in\n-n) number ;;\n# -i) upgrade ;;\nesac", "bare"},
		"-i of other programs":           {"case $1 in\n-n) sed -i s/a/b/ /etc/x; grep -i x /etc/y ;;\nesac", "bare"},
		"-i in its help only":            {"case $1 in\n-n) number ;;\n-h) echo '  -i  installs nothing any more' ;;\nesac", "bare"},
		"longer options that begin so":   {"case $1 in\n-l) list ;;\n-info) info ;;\n--i) no ;;\nesac\n[ \"$1\" = -iso ] && iso", "bare"},
		"getopts without it":             {"while getopts nlh o; do :; done", "bare"},
		"none that is known":             {"sed -i s/a/b/ /etc/x", "unknown"},
		"hands on to another":            {"exec /usr/local/lib/updater \"$@\"", "unknown"},
		"subcommands":                    {"case $1 in install) upgrade ;; list) list ;; esac", "unknown"},
		"empty":                          {"", "unknown"},
		"only in comments, all of it":    {"# case $1 in\n# -i) upgrade ;;\n# -n) number ;;\n# esac", "unknown"},
		"a heredoc of somebody's manual": {"cat <<END\nUsage: updater [-i] [-n]\nEND", "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, p := range family {
				s := newSandbox(t)
				program := "root/bin/" + filepath.Base(p.updater)
				s.program(program, "touch \"$0.ran\"\n"+tt.body+"\n")
				if got := s.withPrograms(p, "updater")["updater"]; got != tt.want {
					t.Errorf("%s: %s, want %s", p.name, got, tt.want)
				}
				if s.read(program+".ran") != "(absent)" {
					t.Errorf("%s: it was run", p.name)
				}
			}
		})
	}
}

// What is not a script can't be read.
func TestUpdaterThatIsNoScript(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	if got := s.withPrograms(family[0], "updater")["updater"]; got != "missing" {
		t.Error(got)
	}
	s.write("root/bin/checkupgrades", "\x7fELF\x00\x00\n-i) -n)\n")
	if err := os.Chmod(s.path("root/bin/checkupgrades"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := s.withPrograms(family[0], "updater")["updater"]; got != "unknown" {
		t.Error(got)
	}
}

// A node tells which product of the family it has, and which edition, whatever links and
// leftovers are there; and what else it is.
func TestProductIsTold(t *testing.T) {
	const ee, rce = "Load balancer\n long text", "RELIANOID Load Balancer Community Edition\n long text"
	for name, tt := range map[string]struct {
		dirs     string   // of /usr/local: with the Enterprise edition's programs; "zevenet:bare" has none, "zevenet:ce" those of the other edition
		links    []string // name>target
		packages string   // as dpkg-query prints them: name status description
		files    []string
		want     string
	}{
		"itself":                  {dirs: "zevenet", want: "yes"},
		"itself for dpkg":         {dirs: "zevenet", packages: "@zevenet installed " + ee, want: "yes"},
		"nothing":                 {want: "no SYSTEM"},
		"plain pair":              {files: []string{"programs/keepalived", "programs/haproxy"}, want: "no SYSTEM with keepalived haproxy"},
		"sibling":                 {dirs: "skudonet", want: "other skudonet"},
		"sibling and a link":      {dirs: "relianoid", links: []string{"zevenet>relianoid"}, want: "other relianoid"},
		"sibling and a long link": {dirs: "relianoid", links: []string{"zevenet>LOCAL/relianoid"}, packages: "@relianoid installed " + ee, want: "other relianoid"},
		"on another disk":         {dirs: "disk", links: []string{"zevenet>disk"}, want: "yes"},
		"itself, and a link":      {dirs: "zevenet", links: []string{"relianoid>zevenet"}, want: "yes"},
		"both, each its own":      {dirs: "zevenet relianoid", want: "yes"},

		"both, for dpkg too":     {dirs: "zevenet relianoid", packages: "@zevenet installed " + ee + "\n@relianoid installed " + ee, want: "beside relianoid"},
		"half-way is there, too": {dirs: "zevenet", packages: "@zevenet half-configured " + ee, want: "yes"},

		"replaced":                  {dirs: "zevenet skudonet", packages: "@zevenet config-files " + ee + "\n@skudonet installed " + ee, want: "replaced skudonet"},
		"replaced, dpkg forgot it":  {dirs: "zevenet", packages: "@relianoid unpacked " + ee, want: "replaced relianoid"},
		"replaced by a community":   {dirs: "zevenet relianoid:ce", packages: "@zevenet config-files " + ee + "\n@relianoid installed " + rce, want: "replaced relianoid community"},
		"a sibling was replaced":    {dirs: "zevenet skudonet:bare", packages: "@zevenet installed " + ee + "\n@skudonet config-files " + ee, want: "yes"},
		"a sibling's directory":     {dirs: "skudonet:bare", want: "no SYSTEM"},
		"removed, a directory left": {dirs: "zevenet:bare", packages: "@zevenet config-files " + ee, want: "no SYSTEM"},
		"installed and not whole":   {dirs: "zevenet:bare", packages: "@zevenet installed " + ee, want: "no-updater"},

		"community by dpkg":              {dirs: "zevenet:ce", packages: "@zevenet installed ZEVENET Community Edition", want: "community zevenet"},
		"community by a long text":       {dirs: "relianoid:ce", packages: "@relianoid installed Load balancer\n This is the community edition.\n@zevenet not-installed ", want: "community relianoid"},
		"community by its updater":       {dirs: "zevenet:ce", files: []string{"local/zevenet/bin/checkupdates"}, want: "community zevenet"},
		"a sibling's, by its updater":    {dirs: "skudonet:ce", files: []string{"local/skudonet/bin/checkupdates"}, want: "community skudonet"},
		"community by its cluster":       {dirs: "relianoid:ce", files: []string{"local/relianoid/app/ucarp/etc/cluster.conf"}, want: "community relianoid"},
		"community by its role file":     {dirs: "relianoid:ce", files: []string{"etc/relianoid-ce-cluster.status"}, want: "community relianoid"},
		"community by its version":       {dirs: "relianoid:ce", files: []string{"etc/relianoid_version"}, want: "community relianoid"},
		"community by its other package": {dirs: "skudonet:ce", packages: "@skudonet installed " + ee + "\n@skudonet-ce-cluster installed x", want: "community skudonet"},
		"community, through the link":    {dirs: "relianoid:ce", links: []string{"zevenet>relianoid"}, packages: "@relianoid installed " + rce, want: "community relianoid"},
		"it was a community's":           {dirs: "zevenet", files: []string{"etc/zevenet-ce-cluster.status", "etc/zevenet_version", "local/zevenet/app/ucarp/etc/cluster.conf"}, packages: "@zevenet installed " + ee, want: "yes"},
		"another one's community text":   {dirs: "zevenet", packages: "@zevenet installed " + ee + "\n@relianoid config-files " + rce, want: "yes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			for dir := range strings.FieldsSeq(tt.dirs) {
				dir, edition, _ := strings.Cut(dir, ":")
				programs := map[string][]string{"": {"checkupgrades", "enterprise.bin", "zcluster-manager"}, "ce": {"farms"}}[edition]
				s.program("local/"+dir+"/config/x", "")
				for _, program := range programs {
					s.program("local/"+dir+"/bin/"+program, "")
				}
			}
			for _, link := range tt.links {
				from, to, _ := strings.Cut(link, ">")
				if err := os.Symlink(strings.Replace(to, "LOCAL", s.path("local"), 1), s.path("local/"+from)); err != nil {
					t.Fatal(err)
				}
			}
			for _, file := range tt.files {
				s.program(file, "echo RCE 7.9")
			}
			s.write("etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n")
			s.program("programs/dpkg-query", "printf '%s\n' "+quote(tt.packages))
			facts := strings.NewReplacer(
				"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PATH="+quote(s.path("programs"))+":"+quote(s.path("bin")),
				"/usr/local/", s.path("local")+"/", "/etc/$1", s.path("etc/$1"), "/etc/os-release", s.path("etc/os-release"),
			).Replace(script("facts", ""))
			s.tools("sed", "tr", "cut", "head", "readlink", "grep", "printf", "stat", "awk")
			cmd := exec.Command("sh", "-s", "--", "product")
			cmd.Stdin = strings.NewReader(facts)
			out, err := cmd.CombinedOutput()
			want := "product=" + strings.Replace(tt.want, "SYSTEM", "Debian GNU/Linux 12 (bookworm)", 1) + "\nend\n"
			if err != nil || string(out) != want {
				t.Errorf("%s%v, want %s", out, err, want)
			}
		})
	}
}

// tools puts links to this machine's programs into the sandbox's bin, which has no others.
func (s *sandbox) tools(names ...string) {
	s.t.Helper()
	if err := os.MkdirAll(s.path("bin"), 0o755); err != nil {
		s.t.Fatal(err)
	}
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := os.Symlink(path, s.path("bin/"+name)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// withPrograms runs the facts script with programs of the sandbox before all others.
func (s *sandbox) withPrograms(p *personality, names ...string) map[string]string {
	s.t.Helper()
	text := strings.NewReplacer(
		"PATH=/usr/sbin:", "PATH="+quote(s.path("programs"))+":/usr/sbin:",
		"/var/lib/zup", s.path("var/lib/zup"),
		p.root, s.path("root"),
	).Replace(p.script("facts", ""))
	cmd := exec.Command("sh", append([]string{"-s", "--"}, names...)...)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	facts, err := plan.ParseFacts(out, names)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	return facts
}

// apt puts an apt into the sandbox that says this; what it was called with is in the
// file "called".
func (s *sandbox) apt(simulation, policy string) {
	s.t.Helper()
	if err := os.MkdirAll(s.path("programs"), 0o755); err != nil {
		s.t.Fatal(err)
	}
	s.write("simulation", simulation)
	s.write("policy", policy)
	s.program("programs/apt-get", `echo "apt-get $*" >>`+quote(s.path("called"))+"; cat "+quote(s.path("simulation")))
	s.program("programs/apt-cache", `echo "apt-cache $*" >>`+quote(s.path("called"))+`
case "$*" in
*policy*) cat `+quote(s.path("policy"))+` ;;
*show*) for one; do case $one in *::*) ;; *=*) echo "Installed-Size: 1000"; echo "$one" >>`+quote(s.path("shown"))+` ;; esac; done ;;
esac`)
}

// The version that apt would install is the first word in the parenthesis behind the
// installed version, whatever a repository's label has in it.
func TestOfferedVersion(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ line, offer, shown string }{
		"usual":                   {"Inst zevenet [6.1.19] (6.1.20 Zevenet:6/stable [all])", "6.1.20", "zevenet=6.1.20\n"},
		"label with parentheses":  {"Inst zevenet [6.1.19] (6.1.20 Zevenet (mirror):6/stable [all])", "6.1.20", "zevenet=6.1.20\n"},
		"two origins":             {"Inst zevenet [6.1.19] (6.1.20 A (b):s, C (d (e)):t [amd64]) []", "6.1.20", "zevenet=6.1.20\n"},
		"label like a version":    {"Inst zevenet [6.1.19] (6.1.20 [6.1.21] (6.1.22 x):s [all])", "6.1.20", "zevenet=6.1.20\n"},
		"not installed":           {"Inst zevenet (6.1.20 Zevenet (mirror):6/stable [all])", "6.1.20", "zevenet=6.1.20\n"},
		"epoch and revision":      {"Inst zevenet [1:6.1.19-1] (1:6.1.20-1+b2 L:s [all])", "1:6.1.20-1+b2", "zevenet=1:6.1.20-1+b2\n"},
		"nothing but the version": {"Inst zevenet [6.1.19] (6.1.20)", "6.1.20", "zevenet=6.1.20\n"},
		"another package":         {"Inst zevenet-ipds [6.1.19] (6.1.20 Zevenet (zevenet):s [all])", "none", "zevenet-ipds=6.1.20\n"},
		"only configured":         {"Conf zevenet (6.1.20 Zevenet:s [all])", "none", "(absent)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			s.apt("Reading package lists...\n"+tt.line+"\n", "")
			if got := s.withPrograms(family[0], "offer", "room"); got["offer"] != tt.offer || got["room"] != "enough" || s.read("shown") != tt.shown {
				t.Errorf("%v, room for %q", got, s.read("shown"))
			}
		})
	}
}

// Asking apt writes nothing: it is told to keep no cache and to take no lock.
func TestAptIsAskedInMemory(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.apt("Inst zevenet [6.1.19] (6.1.20 Zevenet:6/stable [all])\n", "zevenet:\n  Installed: 6.1.19\n  Candidate: 6.1.20\n  Version table:\n     6.1.20 500\n        500 file:/srv/repo buster/main amd64 Packages\n *** 6.1.19 100\n        100 /var/lib/dpkg/status\n")
	got := s.withPrograms(family[0], "candidate", "source", "offer", "room")
	if got["candidate"] != "6.1.20" || got["source"] != "file:/srv/repo" || got["offer"] != "6.1.20" {
		t.Errorf("%v", got)
	}
	called := strings.Split(strings.TrimSpace(s.read("called")), "\n")
	if len(called) != 3 {
		t.Errorf("apt was started %d times: %q", len(called), called)
	}
	for _, line := range called {
		for _, want := range []string{" Dir::Cache::pkgcache= ", " Dir::Cache::srcpkgcache= ", " Debug::NoLocking=1 "} {
			if !strings.Contains(line, want) {
				t.Errorf("%q without %q", line, want)
			}
		}
	}
}

// Right before -i it is asked once more what would be installed, and from where; what is
// not as planned is not installed, and the updater is not called with -i.
func TestLastLook(t *testing.T) {
	t.Parallel()
	const (
		repository = "https://repo.example.net/ee/v6/4.19-amd64"
		image      = "/usr/local/zevenet/updates/update-6.1.20.iso"
		ours       = "file:/media/zup-update-6.1.20"
	)
	policy := func(candidate string, from ...string) string {
		text := "zevenet:\n  Installed: 6.1.19\n  Candidate: " + candidate + "\n  Version table:\n     " + candidate + " 500\n"
		for _, f := range from {
			text += "        500 " + f + " buster/main amd64 Packages\n"
		}
		return text + " *** 6.1.19 100\n        500 https://old.example.net buster/main amd64 Packages\n        100 /var/lib/dpkg/status\n"
	}
	for name, tt := range map[string]struct{ product, image, policy, says string }{
		"as planned":                          {"zevenet", "", policy("6.1.20", repository), ""},
		"as planned, from two mirrors":        {"zevenet", "", policy("6.1.20", repository, "https://mirror.example.net/x"), ""},
		"from a mirror on the node":           {"zevenet", "", policy("6.1.20", "file:/srv/mirror"), ""},
		"from the image":                      {"zevenet", image, policy("6.1.20", ours), ""},
		"a newer one":                         {"zevenet", "", policy("6.1.21", repository), "zevenet 6.1.21 now, and not 6.1.20"},
		"an older one":                        {"zevenet", "", policy("6.1.19"), "zevenet 6.1.19 now, and not 6.1.20"},
		"apt does not know it":                {"zevenet", "", "N: Unable to locate package zevenet\n", "zevenet (nothing) now, and not 6.1.20"},
		"from an image that lies there":       {"zevenet", "", policy("6.1.20", "file:/media/update-6.1.20"), "from file:/media/update-6.1.20 now, and not from the repository"},
		"the repository instead of the image": {"zevenet", image, policy("6.1.20", repository), "from " + repository + " now, and not from /media/zup-update-6.1.20"},
		"the repository besides the image":    {"zevenet", image, policy("6.1.20", ours, repository), "from " + repository + " now"},
		"another image":                       {"zevenet", image, policy("6.1.20", ours+"-old"), "from " + ours + "-old now"},
		"a newer one than the image's":        {"zevenet", image, policy("6.1.21", repository), "zevenet 6.1.21 now"},
		"the lists are read anew":             {"relianoid", "", strings.ReplaceAll(policy("6.1.20", repository), "zevenet", "relianoid"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := Providers()[tt.product].personality()
			s := newSandbox(t)
			s.apt("", tt.policy)
			s.program("root/bin/"+filepath.Base(p.updater), `printf '%s\n' "$*" >>`+quote(s.path("asked")))
			at := ""
			if tt.image != "" {
				at = "/media/zup-update-6.1.20"
			}
			text := "version='6.1.20'\nimage='" + tt.image + "'\nat='" + at + "'\n" + p.script("last_look", "") + p.script("update", "192.0.2.1")
			cmd := exec.Command("sh")
			cmd.Stdin = strings.NewReader(strings.NewReplacer(
				"PATH=/usr/sbin:", "PATH="+quote(s.path("programs"))+":/usr/sbin:", "/etc/hosts.deny", s.path("etc/hosts.deny"), "/var/lib/zup", s.path("var/lib/zup"), p.root, s.path("root"),
			).Replace(text))
			out, err := cmd.CombinedOutput()
			asked, want := s.read("asked"), "-n\n-i\n"
			if tt.says != "" {
				want = "-n\n"
			}
			if (err == nil) != (tt.says == "") || !strings.Contains(string(out), tt.says) || asked != want {
				t.Errorf("%v: %s\nasked for %q", err, out, asked)
			}
			if renewed := strings.Contains(s.read("called"), "apt-get -q update"); renewed != (tt.product == "relianoid") {
				t.Errorf("it called apt with %q", s.read("called"))
			}
		})
	}
}
