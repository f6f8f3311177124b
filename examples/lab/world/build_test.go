//go:build linux

package world

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeepLines(t *testing.T) {
	ours := func(suite string) bool { return suite == "bookworm" || suite == "bookworm-security" }
	const text = `# a comment
deb http://mirror.example.net/debian bookworm main contrib
deb-src http://mirror.example.net/debian bookworm main
deb [signed-by=/usr/share/keyrings/x.gpg arch=amd64] http://mirror.example.net/security bookworm-security main
deb [ trusted=yes ] http://mirror.example.net/debian bookworm main
deb https://vendor.example.net/apt vendor-bookworm main
deb
`
	got := strings.Split(strings.TrimSpace(keepLines(text, ours)), "\n")
	if len(got) != 3 || !strings.HasPrefix(got[1], "deb [signed-by=") {
		t.Errorf("%q", got)
	}
}

func TestKeepStanzas(t *testing.T) {
	ours := func(suite string) bool { return strings.HasPrefix(suite, "bookworm") }
	const text = `Types: deb
# http://mirror.example.net/snapshot
URIs: http://mirror.example.net/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: https://vendor.example.net
Suites: nodistro
Components: main

Types: deb
URIs: http://mirror.example.net/disabled
Suites: bookworm
Enabled: no
`
	const want = `Types: deb
URIs: http://mirror.example.net/debian
Suites: bookworm bookworm-updates
Components: main
`
	if got := strings.TrimSpace(keepStanzas(text, ours)); got != strings.TrimSpace(want) {
		t.Errorf("%q", got)
	}
}

// The mirrors of this machine serve the other releases under the same names.
func TestForRelease(t *testing.T) {
	const text = `deb http://mirror.example.net/bookworm-mirror bookworm main
Suites: bookworm bookworm-updates bookworm-security
Signed-By: /usr/share/keyrings/bookworm.gpg
`
	const want = `deb http://mirror.example.net/bookworm-mirror trixie main
Suites: trixie trixie-updates trixie-security
Signed-By: /usr/share/keyrings/bookworm.gpg
`
	if got := forRelease(text, "bookworm", "trixie"); got != want {
		t.Errorf("%q", got)
	}
}

func TestNodeNamesAndAddressesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for i := range maxClusters {
		names := nodeNames(i)
		for _, s := range append(vips(false, i), names[0], names[1], nodeAddress(false, i, 0), nodeAddress(false, i, 1)) {
			if seen[s] {
				t.Fatalf("%s is used twice", s)
			}
			seen[s] = true
		}
	}
}

func TestConfigFormat(t *testing.T) {
	for version, want := range map[string]int{"5.2.14": 1, "6.1.2": 1, "6.1.19": 1, "6.1.20": 2, "6.1.21": 2, "6.2.0": 2, "8.4.0": 1, "8.5.0": 2} {
		if got := configFormat(version); got != want {
			t.Errorf("%s has format %d, not %d", version, got, want)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{
		{Clusters: -1},
		{Clusters: maxClusters + 1},
		{Failback: "zva5n3"},
		{Fault: "no-such-fault"},
		{Product: "no-such-product"},
	} {
		if _, err := o.complete(); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// Every package is one that dpkg understands, and the same every time.
func TestPackagesAreReadable(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		if os.Getenv("ZUP_CI") == "1" {
			t.Fatal(err)
		}
		t.Skip("no dpkg-deb here")
	}
	var debs []deb
	for _, p := range products {
		debs = append(debs, p.packages(p.to, []byte("\x7fELF zevenet"))...)
	}
	for _, d := range debs {
		body := d.bytes()
		if again := d.bytes(); !bytes.Equal(body, again) {
			t.Errorf("%s differs from itself", d.name)
		}
		file := filepath.Join(t.TempDir(), d.filename())
		if err := os.WriteFile(file, body, 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("dpkg-deb", "--show", "--showformat", "${Package} ${Version}", file).CombinedOutput()
		if err != nil || string(out) != d.name+" "+d.version {
			t.Errorf("%s: %v: %s", d.name, err, out)
		}
		if out, err := exec.Command("dpkg-deb", "--contents", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", d.name, err, out)
		}
	}
}

// A product has the names of its own and nobody else's.
func TestProductsAreApart(t *testing.T) {
	own := map[string]string{}
	for _, p := range products[1:] {
		for _, d := range p.packages(p.to, []byte("\x7fELF zevenet")) {
			own[p.name] += d.control() + d.scripts["postinst"] + d.scripts["preinst"]
			for name, f := range d.files {
				if name != "/usr/local/zevenet" { // the link that one of them leaves
					own[p.name] += name + "\n"
				}
				if !bytes.HasPrefix(f.Data, []byte("\x7fELF")) {
					own[p.name] += string(f.Data)
				}
			}
		}
	}
	for name, text := range own {
		if i := strings.Index(strings.ToLower(strings.ReplaceAll(text, "ZEVENET", "")), "zevenet"); i >= 0 {
			t.Errorf("%s: …%s…", name, text[max(0, i-40):min(len(text), i+40)])
		}
	}
	if !strings.Contains(own["relianoid"], "/usr/local/relianoid/bin/noid-updater\n") || strings.Contains(own["relianoid"], "checkupgrades") {
		t.Error("RELIANOID has another updater")
	}
}

// What a version could do is in its scripts.
func TestAbilities(t *testing.T) {
	for version, want := range map[string]string{
		"6.0.15": "none", "6.0.16": "plain", "6.1.0": "plain", "6.1.1": "role", "6.1.2": "inverted", "6.1.3": "inverted", "6.1.4": "role", "6.1.20": "role",
	} {
		if got := withAbilities(nodeScript("product/checkupgrades"), version); !strings.Contains(got, "\nABILITY="+want+"\n") {
			t.Errorf("the updater of %s is not %s", version, want)
		}
	}
	for version, want := range map[string]string{"6.0.16": "yes", "6.1.0": "no", "6.1.10": "no", "6.1.11": "yes"} {
		if got := withAbilities(nodeScript("product/zevenet.init"), version); !strings.Contains(got, "\nFAILS_BACK="+want+"\n") {
			t.Errorf("whether %s fails back is not %s", version, want)
		}
	}
}

func TestScriptsParse(t *testing.T) {
	err := fs.WalkDir(nodeScripts, "node", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, ".conf") {
			return err
		}
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = strings.NewReader(nodeScript(strings.TrimPrefix(path, "node/")))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", path, err, out)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestConfigNamesEverything(t *testing.T) {
	w := &World{Identity: Home + "/.ssh/id_ed25519"}
	c := Cluster{Product: "zevenet", Name: "edge", To: "6.1.20", VIPs: vips(false, 0), Nodes: [2]Node{
		{Name: "zva5n1", Address: "192.168.100.24", HostKey: "ssh-ed25519 AAAA1"},
		{Name: "zva5n2", Address: "192.168.100.25", HostKey: "ssh-ed25519 AAAA2"},
	}}
	got := w.Config(c, ConfigOptions{Switchover: "drain", Boost: true, Master: "zva5n1"})
	for _, want := range []string{
		`cluster "zevenet" "edge" {`, `version    = "6.1.20"`, `switchover = "drain"`, `boost      = true`, `master     = "zva5n1"`,
		`node "zva5n2" {`, `address = "192.168.100.25"`, `host_key = "ssh-ed25519 AAAA2"`, `probe "web2" {`, `http     = "http://192.0.2.11/"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if plain := w.Config(c, ConfigOptions{NoProbes: true}); strings.Contains(plain, "probe") || strings.Contains(plain, "boost") {
		t.Errorf("too much in\n%s", plain)
	}
}
