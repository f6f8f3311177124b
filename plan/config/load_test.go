package config

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zup/plan/product"
	"zup/providers/zevenet/arguments"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/zclconf/go-cty/cty"
)

// valid loads one file and fails the test on any diagnostic.
func valid(t *testing.T, name, text string, opts Options) *Config {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, name, text)
	cfg, diags := Load(dir, opts)
	if len(diags.All) > 0 {
		t.Fatalf("%s:\n%s", name, printed(t, diags))
	}
	return cfg
}

func printed(t testing.TB, diags *Diagnostics) string {
	t.Helper()
	var b bytes.Buffer
	if err := diags.WriteText(&b, false, 0); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// family are real products, so that what is tested is what people get.
var family = []product.Declaration{
	arguments.Declared("relianoid", "RELIANOID Enterprise"), arguments.Declared("skudonet", "SKUDONET Enterprise"), arguments.Declared("zevenet", "Zevenet EE"),
}

// noPlaces compares configurations by what they say.
var noPlaces = cmp.Options{cmpopts.IgnoreTypes(Place{}), cmp.Comparer(func(a, b cty.Value) bool { return a.RawEquals(b) })}

func TestEverything(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/same/everything.txtar")
	if err != nil {
		t.Fatal(err)
	}
	native := valid(t, "native.zup.hcl", member(archive, "native.zup.hcl"), Options{Products: family})
	fromJSON := valid(t, "json.zup.json", member(archive, "json.zup.json"), Options{Products: family})
	if diff := cmp.Diff(native.Clusters, fromJSON.Clusters, noPlaces); diff != "" {
		t.Errorf("JSON differs from the native syntax (-native +json):\n%s", diff)
	}

	bastion := []Hop{{User: "ops", Host: "bastion.example.net"}}
	want := []*Cluster{
		{
			Provider: "zevenet", Name: "edge", Version: "6.1.20",
			Master: "zva5n1", MaxInterruption: time.Second,
			Nodes: []Node{
				{Name: "zva5n1", Address: "192.0.2.11", SSH: SSH{
					User: "root", Port: 22, IdentityFile: "~/.ssh/id_ed25519", Jump: bastion,
					HostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsFSKBoU+1gEFEhQqhy8yH3pQ+gkHOpIyOSfPmQtn2Q",
				}},
				{Name: "zva5n2", Address: "192.0.2.12", SSH: SSH{
					User: "admin", Port: 2222, IdentityFile: "keys/n2",
					Jump: []Hop{{User: "a", Host: "2001:db8::1", Port: 2222}, {Host: "b"}, {Host: "c"}},
				}},
			},
			Package: &Package{Offline: "update-6.1.20.iso", SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
			Snapshot: &Snapshot{
				Create:  Argv{"virsh", "snapshot-create-as", "{node}", "{name}"},
				Restore: Argv{"virsh", "snapshot-revert", "{node}", "{name}"},
				Delete:  Argv{"virsh", "snapshot-delete", "{node}", "{name}"},
				List:    Argv{"virsh", "snapshot-list", "{node}"},
			},
			Probes: []Probe{
				{Name: "web", HTTP: "http://192.0.2.10/", Interval: 20 * time.Millisecond, Timeout: 500 * time.Millisecond},
				{Name: "mail", TCP: "[2001:db8::25]:25", Interval: DefaultInterval, Timeout: DefaultTimeout},
			},
			Own: arguments.Arguments{Switchover: arguments.SwitchoverDrain, Reboot: arguments.RebootNever, Boost: true, ProbeFarms: true}.Own(),
		},
		{
			Provider: "skudonet", Name: "single", Version: "6.2.0",
			Nodes: []Node{{Name: "lb", Address: "lb.example.net", SSH: SSH{Jump: []Hop{}}}},
			Own:   arguments.Arguments{Switchover: arguments.SwitchoverRestart, Reboot: arguments.RebootIfNeeded, ProbeFarms: true}.Own(),
		},
	}
	if diff := cmp.Diff(want, native.Clusters, noPlaces); diff != "" {
		t.Errorf("clusters (-want +got):\n%s", diff)
	}
}

func TestStarter(t *testing.T) {
	t.Parallel()
	cfg := valid(t, "main.zup.hcl", string(arguments.Starter()), Options{Version: "0.1.0", Products: family})
	if len(cfg.Clusters) != 1 || len(cfg.Clusters[0].Nodes) != 2 || len(cfg.Clusters[0].Probes) != 1 {
		t.Errorf("the starter has %d clusters", len(cfg.Clusters))
	}
	formatted, _ := Format(arguments.Starter(), "main.zup.hcl")
	if !bytes.Equal(formatted, arguments.Starter()) {
		t.Errorf("the starter is not formatted:\n%s", cmp.Diff(string(arguments.Starter()), string(formatted)))
	}

	// What is commented out must be valid too once the marks are removed.
	var all strings.Builder
	for line := range strings.Lines(string(arguments.Starter())) {
		if code, ok := strings.CutPrefix(strings.TrimLeft(line, " "), "# "); ok && looksLikeCode(code) {
			line = code
		}
		all.WriteString(line)
	}
	text := strings.NewReplacer(
		`"ssh-ed25519 AAAA…"`, `"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsFSKBoU+1gEFEhQqhy8yH3pQ+gkHOpIyOSfPmQtn2Q"`,
		`sha256  = "…"`, `sha256  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`,
	).Replace(all.String())
	full := valid(t, "main.zup.hcl", text, Options{Products: family}).Clusters[0]
	if !arguments.Of(full.Own).Boost || full.Master == "" || full.MaxInterruption == 0 || full.Package == nil || full.Snapshot == nil ||
		full.Nodes[0].SSH.HostKey == "" || full.Nodes[0].SSH.Jump == nil || len(full.Probes) != 2 {
		t.Errorf("an example is missing in the starter:\n%s", dump(&Config{Clusters: []*Cluster{full}}))
	}
}

func looksLikeCode(comment string) bool {
	code := strings.TrimSpace(comment)
	return strings.HasSuffix(code, "{") || code == "}" || strings.Contains(code, " = ")
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	const text = `cluster "zevenet" "edge" {
  version = "6.1.20"
  ssh {
    user = "root"
    port = 22
  }
  node "n1" {
    address = "192.0.2.1"
    ssh {
      port = 2222
    }
  }
  probe "web" {
    tcp = "192.0.2.10:80"
  }
}
`
	c := valid(t, "a.zup.hcl", text, Options{Products: family}).Clusters[0]
	n, p := c.Nodes[0], c.Probes[0]
	for _, tt := range []struct {
		what string
		got  hcl.Range
		want string
	}{
		{"cluster", c.Range, `cluster "zevenet" "edge"`},
		{"version", c.At("version"), `"6.1.20"`},
		{"an argument that is not said", c.At("master"), `cluster "zevenet" "edge"`},
		{"node", n.Range, `node "n1"`},
		{"address", n.At("address"), `"192.0.2.1"`},
		{"port of the node", n.SSH.At("port"), `2222`},
		{"user of the cluster", n.SSH.At("user"), `"root"`},
		{"tcp", p.At("tcp"), `"192.0.2.10:80"`},
	} {
		if got := string(tt.got.SliceBytes([]byte(text))); got != tt.want {
			t.Errorf("%s is at %q, want %q", tt.what, got, tt.want)
		}
	}
	if at := (Place{}).At("version"); at != (hcl.Range{}) {
		t.Errorf("the zero Place has a range: %v", at)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	files := map[string]string{ // to what is shown of them
		"b.zup.hcl":  "variable \"t\" {\n  sensitive = true\n  default = <<EOT\nsecret\nEOT\n}\n",
		"c.zup.json": `{"variable": {"u": {"sensitive": true, "default": {"k": "secret"}}}}`,
		"a.zup.hcl": `cluster "zevenet" "b" {
  version = "6.1.20"
  node "n1" { address = "192.0.2.1" }
}
cluster "zevenet" "a" {
  version = "6.1.20"
  node "n1" { address = "192.0.2.2" }
}
`,
		"x.zup.vars": "t = \"secret\"\n",
		"y.vars":     "",
	}
	dir := t.TempDir()
	for name, text := range files {
		write(t, dir, name, text)
	}
	for _, name := range []string{"d.zup.hcl", "e.zup.vars"} { // not files, whatever they are called
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cfg, diags := Load(dir, Options{Products: family, Vars: []VarArg{{File: filepath.Join(dir, "y.vars")}}})
	if len(diags.All) > 0 {
		t.Fatal(printed(t, diags))
	}
	sum := func(name string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(files[name]))) }
	wantFiles := []File{
		{"a.zup.hcl", sum("a.zup.hcl"), files["a.zup.hcl"]},
		{"b.zup.hcl", sum("b.zup.hcl"), "variable \"t\" {\n  sensitive = true\n  default = \"(sensitive)\"\n}\n"},
		{"c.zup.json", sum("c.zup.json"), `{"variable": {"u": {"sensitive": true, "default": "(sensitive)"}}}`},
	}
	if diff := cmp.Diff(wantFiles, cfg.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	wantVars := []VarFile{{dir + "/y.vars", sum("y.vars")}, {"x.zup.vars", sum("x.zup.vars")}}
	if diff := cmp.Diff(wantVars, cfg.VarFiles); diff != "" {
		t.Errorf("variable files (-want +got):\n%s", diff)
	}
	if cfg.Clusters[0].Name != "b" || cfg.Clusters[1].Name != "a" {
		t.Error("the clusters are not in the order of the file")
	}
}

// What is shown of a file must mean the same as the file, but for the secret.
func TestShownTextParses(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/same/everything.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"native.zup.hcl", "json.zup.json"} {
		cfg := valid(t, name, member(archive, name), Options{Products: family})
		again := valid(t, name, cfg.Files[0].Text, Options{Products: family})
		if strings.Contains(cfg.Files[0].Text, "s3cr3t") || !strings.Contains(cfg.Files[0].Text, sensitiveText) {
			t.Errorf("%s is shown as\n%s", name, cfg.Files[0].Text)
		}
		if diff := cmp.Diff(cfg.Clusters, again.Clusters, noPlaces); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestArgv(t *testing.T) {
	t.Parallel()
	got := Argv{"snap", "{node}-{name}-{other}", "key={name}"}.Expand("{name}", "n1")
	want := []string{"snap", "{name}-n1-{other}", "key=n1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Expand (-want +got):\n%s", diff)
	}
}

func TestHopString(t *testing.T) {
	t.Parallel()
	for hop, want := range map[Hop]string{
		{Host: "a"}:                                  "a",
		{User: "u", Host: "a", Port: 22}:             "u@a:22",
		{Host: "2001:db8::1"}:                        "[2001:db8::1]",
		{User: "u", Host: "2001:db8::1", Port: 2222}: "u@[2001:db8::1]:2222",
	} {
		if got := hop.String(); got != want {
			t.Errorf("%#v is %q, want %q", hop, got, want)
		}
		if back, err := parseHop(want); err != nil || back != hop {
			t.Errorf("parseHop(%q) = %#v, %v", want, back, err)
		}
	}
}

// Every mistake of a large configuration is reported, each once.
func TestManyMistakes(t *testing.T) {
	t.Parallel()
	const files, each = 10, 50
	dir := t.TempDir()
	for i := range files {
		var b strings.Builder
		for j := range each {
			fmt.Fprintf(&b, "cluster \"zevenet\" \"c%d\" {\n  version = \"latest\"\n  node \"n1\" { address = \"192.0.2.%d:22\" }\n  typo = 1\n}\n", i*each+j, j)
		}
		write(t, dir, fmt.Sprintf("f%02d.zup.hcl", i), b.String())
	}
	_, diags := Load(dir, Options{Products: family})
	if errors, _ := diags.Counts(); errors != 3*files*each {
		t.Errorf("%d errors, want %d", errors, 3*files*each)
	}
	for i, d := range diags.All[1:] {
		prev := diags.All[i]
		if d.Subject.Filename < prev.Subject.Filename ||
			d.Subject.Filename == prev.Subject.Filename && d.Subject.Start.Byte < prev.Subject.Start.Byte {
			t.Fatalf("%v comes after %v", d.Subject, prev.Subject)
		}
	}
}

// A variable file named on the command line may have the path of one in the
// directory; each is shown with its own text.
func TestVarFileOfTheSameName(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(t.TempDir())
	write(t, dir, "a.zup.hcl", "variable \"n\" {\n  type = number\n}\n")
	write(t, dir, "x.zup.vars", "n = 1\n")
	write(t, ".", "x.zup.vars", "\nn = \"the other file\"\n")
	_, diags := Load(dir, Options{Products: family, Vars: []VarArg{{File: "x.zup.vars"}}})
	if out := printed(t, diags); !strings.Contains(out, "on ./x.zup.vars line 2:\n   2: n = \"the other file\"") {
		t.Errorf("printed:\n%s", out)
	}
}
