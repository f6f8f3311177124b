package zevenet

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What a node keeps secret is named before anything runs that may print it: nothing
// else, and in a file that only root can read.
func TestNamedSecrets(t *testing.T) {
	s := newSandbox(t)
	for _, d := range []string{"etc/apt/apt.conf.d", "etc/apt/sources.list.d", "etc/apt/auth.conf.d", "root/www"} {
		if err := os.MkdirAll(s.path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	key, certificate := s.path("key.pem"), s.path("root/www/zlbcertfile.pem")
	if out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
		"-subj", "/CN=zva5n1", "-set_serial", "0xCA0A12345678ABCD", "-days", "9").CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	s.write("etc/apt/apt.conf", "Acquire { http::User-Agent \"CANARY-serial:CANARY-keyid\"; };\nAcquire::http::Proxy \"http://me:CANARY-proxy@proxy:3128/\";\n")
	s.write("etc/apt/apt.conf.d/90x", "APT::Periodic::Enable \"1\";\nAcquire::https::User-Agent \"CANARY-two\";\n")
	s.write("etc/apt/sources.list.d/zevenet.list", "deb [arch=amd64] https://me:CANARY-list@repo.zevenet.com/ee/v6 buster main\ndeb http://mirror.example.net/debian buster main\n")
	s.write("etc/apt/auth.conf.d/x.conf", "machine repo.zevenet.com login me password CANARY-auth\n")
	s.write("root/bin/checkupgrades", "#!/bin/sh\nenv; cat "+s.path("secrets")+" >/dev/null && echo 'the updater runs'\n")
	if err := os.Chmod(s.path("root/bin/checkupgrades"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"refresh", "update"} {
		os.Remove(s.path("secrets"))
		text := strings.NewReplacer("/etc/", s.path("etc")+"/", "/var/lib/zup", s.path("var/lib/zup"), "/usr/local/zevenet", s.path("root")).Replace(script(name, "192.168.100.2"))
		sh := exec.Command("sh")
		sh.Stdin, sh.Env = strings.NewReader(text), append(os.Environ(), "ZUP_SECRETS="+s.path("secrets"))
		out, err := sh.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "the updater runs") || strings.Contains(string(out), "ZUP_SECRETS") || strings.Contains(string(out), "CANARY") {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		want := []string{"CA0A12345678ABCD", "CANARY-auth", "CANARY-keyid", "CANARY-list", "CANARY-proxy", "CANARY-serial", "CANARY-serial:CANARY-keyid", "CANARY-two", "ca0a12345678abcd"}
		got := strings.Fields(s.read("secrets"))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s names %q, want %q", name, got, want)
		}
		if info, err := os.Stat(s.path("secrets")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v (%v)", name, info, err)
		}
	}
}

// Without zup's program, as in a script that is run by hand, nothing is written, and
// every script whose program may print a secret names them first.
func TestSecretsAreNamedFirst(t *testing.T) {
	for name, text := range (Provider{}).personality().complete() {
		named, runs := strings.Index(text, "\nname_secrets\n"), 0
		for _, call := range []string{"\n\"$updater\"", "\ntake_image\n", "\ncheck_offer\n", "=$(\"$updater\""} {
			runs = max(runs, strings.LastIndex(text, call))
		}
		if prints := strings.Contains(text, `"$updater"`) || strings.Contains(text, "apt-get -q update"); prints && name != "facts" && (named < 0 || named > runs) {
			t.Errorf("%s runs the updater or apt, and does not name what is secret before", name)
		}
	}
	s := newSandbox(t)
	s.write("root/bin/checkupgrades", "#!/bin/sh\n")
	if err := os.Chmod(s.path("root/bin/checkupgrades"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.run("refresh")
	if files, err := os.ReadDir(s.dir); err != nil || len(files) != 3 {
		t.Errorf("%v %v", files, err)
	}
}
