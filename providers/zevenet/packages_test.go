package zevenet

import (
	"path/filepath"
	"strings"
	"testing"
)

// What an updater's -i does besides its upgrade is read in its text, and nothing of what its
// other options do.
func TestUpdaterSteps(t *testing.T) {
	t.Parallel()
	const last = "apt-get -y install relianoid relianoid-gui relianoid-cli"
	for name, tt := range map[string]struct{ body, want string }{
		"none":                                {"case $1 in\n-n) number ;;\n-i) apt-get full-upgrade ;;\nesac", "none"},
		"an upgrade alone":                    {"case $1 in\n-n) number ;;\n-i)\napt-get update\napt-get full-upgrade\napt-get update\n;;\nesac", "none"},
		"in the arm":                          {"case \"$1\" in\n'-n')\n;;\n'-i')\napt-get update >/dev/null\nif ! $aptget_bin full-upgrade\nthen\nexit\nfi\n$aptget_bin -y purge zproxy\n$aptget_bin -y autoremove\n$aptget_bin update >/dev/null\nDEBIAN_FRONTEND=noninteractive $aptget_bin -y install relianoid relianoid-gui relianoid-cli\n;;\nesac", "purge:zproxy autoremove update install:relianoid install:relianoid-gui install:relianoid-cli"},
		"in functions":                        {"function after {\n\tclean\n\tapt-get autoremove -y\n}\nclean() { apt-get purge -y zproxy gdnsd; }\ncase $1 in\n-i) apt-get full-upgrade; after ;;\nesac", "autoremove purge:zproxy purge:gdnsd"},
		"of a function that -i does not name": {"major() {\n\tapt-get -y install wrong\n}\ncase $1 in\n-i) apt-get full-upgrade ;;\n-U) major ;;\nesac", "none"},
		"of another option":                   {"case $1 in\n-E)\ncase $x in\ny) a=1 ;;\nn) b=2 ;;\nesac\napt-get -y install wrong\napt-get purge worse\n;;\n-i)\ncase $x in\ny) a=1 ;;\n*) b=1 ;;\nesac\n" + last + "\n;;\nesac", "install:relianoid install:relianoid-gui install:relianoid-cli"},
		"before -i":                           {"case $1 in\n-E) apt-get -y install wrong ;;\n-i | --install) " + last + " ;;\n-U) apt-get purge wrong ;;\nesac", "install:relianoid install:relianoid-gui install:relianoid-cli"},
		"on one line":                         {"case $1 in -E) apt-get install wrong ;; -i) apt-get -y autoremove ;; *) package ;; esac", "autoremove"},
		"deb10 by a pipe":                     {"case $1 in\n-i)\ndpkg -l | grep deb10 | awk '{print $2}' | xargs apt-get -y purge\n;;\nesac", "purge:*deb10*"},
		"deb10 in a loop":                     {"case $1 in\n-i)\nfor p in $(dpkg -l | awk '/deb10/ { print $2 }'); do\n\tapt-get -y purge \"$p\"\ndone\n;;\nesac", "purge:*deb10*"},
		"deb10 with dpkg":                     {"case $1 in\n-i)\nfor p in $(dpkg -l | grep deb10); do dpkg --purge $p; done\n;;\nesac", "purge:*deb10*"},
		"over two lines":                      {"case $1 in\n-i)\napt-get -y install relianoid \\\n\trelianoid-gui\n;;\nesac", "install:relianoid install:relianoid-gui"},
		"only said":                           {"case $1 in\n-i)\necho 'now apt-get install wrong'\nlogger \"apt-get purge wrong\"\n# apt-get install wrong\n;;\nesac", "none"},
		"without arms":                        {"if [ \"$1\" = -i ]; then\n" + last + "\nfi", "install:relianoid install:relianoid-gui install:relianoid-cli"},
		"what is in no variable of ours":      {"case $1 in\n-i) apt-get install $packages; apt-get purge $old ;;\nesac", "none"},
		"install of other programs":           {"case $1 in\n-i) install -d /var/x; npm install y ;;\nesac", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := Providers()["relianoid"].personality()
			s := newSandbox(t)
			program := "root/bin/" + filepath.Base(p.updater)
			s.program(program, "touch \"$0.ran\"\n"+tt.body+"\n")
			if got := s.withPrograms(p, "steps")["steps"]; got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if s.read(program+".ran") != "(absent)" {
				t.Error("it was run")
			}
		})
	}
}

// Every package that apt would install, upgrade or remove is told, with the steps of the
// updater in the simulation, and apt is asked once.
func TestPackagesOfAnUpdate(t *testing.T) {
	t.Parallel()
	const (
		plain  = "case $1 in\n-n) number ;;\n-i) apt-get full-upgrade ;;\nesac"
		since  = "case $1 in\n-n) number ;;\n-i)\napt-get full-upgrade\napt-get -y purge zproxy\nfor p in $(dpkg -l | grep deb10); do apt-get purge $p; done\napt-get autoremove\napt-get -y install relianoid relianoid-gui relianoid-cli\n;;\nesac"
		newer  = "relianoid:\n  Installed: 8.5.0\n  Candidate: 8.6.0\n"
		same   = "relianoid:\n  Installed: 8.5.0\n  Candidate: 8.5.0\n"
		brings = "Reading package lists...\nRemv zproxy [0.4] [relianoid:amd64 ]\nPurg gdnsd [3.8~deb10u1]\nInst relianoid [8.5.0] (8.6.0 RELIANOID (v8):ee/v8 [amd64]) []\nInst libnoid1 (1.2-1 R:s [amd64])\nInst libfoo1:i386 [1:2-1] (1:2-2+b1 R:s [i386])\nConf relianoid (8.6.0 R:s [amd64])\n"
	)
	for name, tt := range map[string]struct {
		updater, policy, says     string
		packages, removals, loses string
		called                    string // the simulation, behind its -o options
	}{
		"all kinds":                {plain, newer, brings, "-zproxy=0.4 -gdnsd=3.8~deb10u1 ^relianoid=8.5.0>8.6.0 +libnoid1=1.2-1 ^libfoo1:i386=1:2-1>1:2-2+b1", "gdnsd zproxy", "none", "full-upgrade"},
		"nothing":                  {plain, newer, "Reading package lists...\n", "none", "none", "none", "full-upgrade"},
		"the lists do not know it": {plain, same, brings, "same", "none", "none", "full-upgrade"},
		"it has steps":             {since, same, brings, "-zproxy=0.4 -gdnsd=3.8~deb10u1 ^relianoid=8.5.0>8.6.0 +libnoid1=1.2-1 ^libfoo1:i386=1:2-1>1:2-2+b1 ?relianoid-cli", "gdnsd zproxy", "none", "--autoremove full-upgrade gdnsd- zproxy- relianoid relianoid-gui"},
		"what serves goes":         {plain, newer, "Remv keepalived [1:2.2.7] \nRemv openssh-server [9]\nRemv openssh-server-extra [9]\n", "-keepalived=1:2.2.7 -openssh-server=9 -openssh-server-extra=9", "keepalived openssh-server openssh-server-extra", "keepalived openssh-server", "full-upgrade"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := Providers()["relianoid"].personality()
			s := newSandbox(t)
			s.apt(tt.says, tt.policy)
			s.program("programs/apt-cache", `case "$*" in
*' policy relianoid-cli') ;;
*' policy relianoid-gui') printf 'relianoid-gui:\n  Installed: 8.5.0\n  Candidate: 8.6.0\n' ;;
*policy*) cat `+quote(s.path("policy"))+` ;;
esac`)
			s.program("programs/dpkg-query", `case "$*" in
*Status*) printf 'ii  gdnsd 3.8~deb10u1\nrc  old 1~deb10u1\nii  libnoid1 1\nii  relianoid 8.5.0~deb10\n' ;;
'-W zproxy') ;;
*) exit 1 ;;
esac`)
			s.program("root/bin/"+filepath.Base(p.updater), tt.updater+"\n")
			got := s.withPrograms(p, "packages", "removals", "loses")
			if got["packages"] != tt.packages || got["removals"] != tt.removals || got["loses"] != tt.loses {
				t.Errorf("%v", got)
			}
			var last string
			for line := range strings.Lines(s.read("called")) {
				if _, words, ok := strings.Cut(line, "srcpkgcache= "); ok {
					last = strings.TrimSpace(words)
				}
				for _, want := range []string{" -s ", " Dir::Cache::pkgcache= ", " Debug::NoLocking=1 "} {
					if !strings.Contains(line, want) && s.read("called") != "(absent)" {
						t.Errorf("%q without %q", line, want)
					}
				}
			}
			if last != tt.called {
				t.Errorf("it simulated %q, want %q", last, tt.called)
			}
		})
	}
}

// Where apt can't say it, nobody takes that for nothing.
func TestPackagesThatAptCantSay(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.apt("", "relianoid:\n  Installed: 8.5.0\n  Candidate: 8.6.0\n")
	s.program("programs/apt-get", "echo 'E: Unmet dependencies.'; exit 100")
	p := Providers()["relianoid"].personality()
	got := s.withPrograms(p, "packages", "removals", "loses")
	if got["packages"] != "error E: Unmet dependencies." || got["removals"] != "unknown" || got["loses"] != "unknown" {
		t.Errorf("%v", got)
	}
}
