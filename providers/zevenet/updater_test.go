package zevenet

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program writes an executable shell script into the sandbox.
func (s *sandbox) program(name, body string) {
	s.t.Helper()
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

// What an updater can do: from its help, or from its text where asking would change
// something.
func TestUpdaterAbilities(t *testing.T) {
	for _, tt := range []struct{ product, body, want string }{
		{"zevenet", `echo "  -i   install the new packages"`, "install"},
		{"zevenet", `echo "-h it is not installed in the system"`, "bare"},
		{"zevenet", `:`, "unknown"},
		{"relianoid", "touch \"$0.ran\"\ncase \"$1\" in\n'-i')\n;;\nesac", "install"},
		{"relianoid", "case \"$1\" in\n-i) upgrade ;;\nesac", "install"},
		{"relianoid", `sed -i s/a/b/ /etc/x # -i`, "unknown"},
	} {
		t.Run(tt.product+" "+tt.want, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			p := Providers()[tt.product].personality()
			name := "root/bin/" + filepath.Base(p.updater)
			s.program(name, tt.body+"\n")
			cmd := exec.Command("sh", "-s", "--", "updater")
			cmd.Stdin = strings.NewReader(strings.ReplaceAll(p.script("facts", ""), p.root, s.path("root")))
			out, err := cmd.Output()
			if err != nil || string(out) != "updater="+tt.want+"\nend\n" {
				t.Errorf("%q %v, want %s", out, err, tt.want)
			}
			if s.read(name+".ran") != "(absent)" {
				t.Error("it was run")
			}
		})
	}
}

// A node tells which product of the family it has, whatever links are there.
func TestProductIsTold(t *testing.T) {
	for name, tt := range map[string]struct {
		dirs, links []string // links: name>target
		want        string
	}{
		"itself":             {[]string{"zevenet"}, nil, "yes"},
		"nothing":            {nil, nil, "no"},
		"sibling":            {[]string{"skudonet"}, nil, "other skudonet"},
		"sibling and a link": {[]string{"relianoid"}, []string{"zevenet>relianoid"}, "other relianoid"},
		"on another disk":    {[]string{"disk"}, []string{"zevenet>disk"}, "yes"},
		"itself, and a link": {[]string{"zevenet"}, []string{"relianoid>zevenet"}, "yes"},
		"both, each its own": {[]string{"zevenet", "relianoid"}, nil, "yes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			for _, dir := range tt.dirs {
				if err := os.MkdirAll(s.path("local/"+dir+"/bin"), 0o755); err != nil {
					t.Fatal(err)
				}
				for _, program := range []string{"checkupgrades", "enterprise.bin", "zcluster-manager"} {
					s.program("local/"+dir+"/bin/"+program, "")
				}
			}
			for _, link := range tt.links {
				from, to, _ := strings.Cut(link, ">")
				if err := os.Symlink(to, s.path("local/"+from)); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command("sh", "-s", "--", "product")
			cmd.Stdin = strings.NewReader(strings.ReplaceAll(script("facts", ""), "/usr/local/", s.path("local")+"/"))
			// PATH loses /usr/local too, which nothing here needs.
			out, err := cmd.Output()
			if err != nil || string(out) != "product="+tt.want+"\nend\n" {
				t.Errorf("%q %v, want %s", out, err, tt.want)
			}
		})
	}
}
