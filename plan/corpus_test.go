package plan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/show"
	"zup/plan/state"
	"zup/providers/zevenet"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// pairFacts are what the nodes of a healthy pair say: zva5n1 is MASTER and
// primary is disabled. The tests change single facts.
func pairFacts(node string) map[string]string {
	f := map[string]string{
		"audit": "clean", "boot": "b", "candidate": "6.1.19", "clustered": "yes", "deadratio": "5", "deny": "none",
		"digest": "d1", "edited": "none", "disk": "/=4000000 /tmp=900000", "farms": "192.0.2.10:80 192.0.2.11:80", "holds": "none",
		"hosts_allow": "absent", "hosts_deny": "absent", "hostname": node, "images": "none", "interface": "eth0",
		"jobs": "none", "keepalived": "1", "kernel": "6.1.0-noid", "left": "no", "libwrap": "yes", "licence": "valid until Jan  1 00:00:00 2028 GMT",
		"lock": "free", "maintenance": "no", "nodes": "zva5n1=192.168.100.24 zva5n2=192.168.100.25", "open": "none",
		"package": "ii 6.1.19", "primary": "disabled", "priority": "50", "priority_lines": "1", "product": "yes",
		"reboot": "none", "saver": "yes", "skew": "0", "sysctl": "none", "sysctl_kept": "no", "staged": "no", "status": "ok", "steps": "none", "time": "0", "uid": "0", "updater": "install", "updates": "free=4000000",
		"version": "6.1.19", "vips": "192.0.2.10 192.0.2.11",
	}
	if node == "zva5n1" {
		maps.Copy(f, map[string]string{"role": "master", "vrrp": "MASTER", "arp": "open", "replication": "running", "own_address": "192.168.100.24", "peer_ssh": "ok zva5n2"})
	} else {
		maps.Copy(f, map[string]string{"role": "backup", "vrrp": "BACKUP", "arp": "blocked", "replication": "off", "own_address": "192.168.100.25", "peer_ssh": "ok zva5n1"})
	}
	return f
}

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1r5hPjrCYqZ2tMVbXh6vFQmIRoAFZz3GkTZuIm0dXL"

// situation is one file of testdata: a configuration, what differs from a
// healthy pair, and perhaps a state file.
type situation struct {
	archive *txtar.Archive
	config  *config.Config
	input   plan.Input
}

func loadSituation(t testing.TB, path string) *situation {
	t.Helper()
	ar, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &situation{archive: ar}
	dir := t.TempDir()
	observed := map[string]string{}
	var image *plan.Image
	statePath := filepath.Join(dir, "zup.state.json")
	for _, f := range ar.Files {
		switch {
		case strings.HasSuffix(f.Name, ".zup.hcl"):
			if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		case f.Name == "back-out":
			s.input.Way = plan.Rest
		case f.Name == "waive": // NAME=REASON
			for line := range strings.Lines(string(f.Data)) {
				name, because, _ := strings.Cut(strings.TrimSpace(line), "=")
				s.input.Waivers = append(s.input.Waivers, plan.Waiver{Name: name, Because: because})
			}
		case f.Name == "rollback":
			s.input.Way = plan.Back
		case f.Name == "observed":
			for line := range strings.Lines(string(f.Data)) {
				key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
				observed[key] = value
			}
		case f.Name == "image": // of every package block: its size in bytes and its SHA-256, or why there is none
			image = imageFrom(string(f.Data))
		case f.Name == "zup.state.json":
			if err := os.WriteFile(statePath, f.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	cfg, diags := config.Load(dir, config.Options{Plan: plan.ConditionType(), Products: plan.Declared(zevenet.Providers())})
	if diags.HasErrors() {
		var b bytes.Buffer
		diags.WriteText(&b, false, 80)
		t.Fatalf("%s:\n%s", path, &b)
	}
	recorded := recordedState(t, statePath)
	images := map[string]*plan.Image{}
	for _, c := range cfg.Clusters {
		if c.Package != nil {
			images[c.Name] = image
		}
	}
	s.config = cfg
	s.input = plan.Input{
		Way: s.input.Way, Config: cfg, Images: images, Observed: observedPairs(cfg, observed), Recorded: recorded, Version: "0.1.0",
		Waivers: s.input.Waivers, Providers: providers(),
	}
	return s
}

// providers are the products of the corpus.
func providers() map[string]plan.Provider {
	all := map[string]plan.Provider{}
	for name, p := range zevenet.Providers() {
		all[name] = p
	}
	return all
}

func imageFrom(text string) *plan.Image {
	text = strings.TrimSpace(text)
	image := &plan.Image{}
	if n, err := fmt.Sscanf(text, "%d %s", &image.Size, &image.SHA256); n != 2 || err != nil {
		return &plan.Image{Err: errors.New(text)}
	}
	return image
}

// observedPairs gives every cluster the facts of a healthy pair with changes:
// "node fact" or "fact" → value. A fact "error" is why a node did not answer.
func observedPairs(cfg *config.Config, changes map[string]string) plan.Observed {
	all := plan.Observed{}
	for _, c := range cfg.Clusters {
		for _, n := range c.Nodes {
			o := plan.ObservedNode{Name: n.Name, HostKey: hostKey, Facts: pairFacts(n.Name)}
			for key, value := range changes {
				node, fact, ok := strings.Cut(key, " ")
				if !ok {
					node, fact = n.Name, key
				}
				if node != n.Name {
					continue
				}
				if fact == "error" {
					o.Err, o.Facts = errors.New(value), nil
					break
				}
				o.Facts[fact] = value
			}
			if o.Facts != nil && o.Facts["packages"] == "" {
				installed, ok := strings.CutPrefix(o.Facts["package"], "ii ")
				if !ok {
					installed = "6.1.19"
				}
				o.Facts["packages"] = "^" + c.Provider + "=" + installed + ">" + c.Version
			}
			all[c.Name] = append(all[c.Name], o)
		}
	}
	return all
}

// result is what is compared with the golden: the plan as text, or the refusals.
func (s *situation) result(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	p, err := plan.Build(s.input)
	var refused *plan.RefusedError
	var waiver *plan.WaiverError
	switch {
	case errors.As(err, &waiver):
		fmt.Fprintln(&b, strings.Replace(waiver.Error(), ": ", ":\n", 1))
		if waiver.Near != "" {
			fmt.Fprintf(&b, "did you mean %s?\n", waiver.Near)
		}
	case errors.As(err, &refused):
		fmt.Fprintf(&b, "refused, by a rule: %t\n\n", refused.Rule())
		if err := show.Refused(&b, refused, show.Options{}); err != nil {
			t.Fatal(err)
		}
	case err != nil:
		t.Fatal(err)
	default:
		p.PlanID = strings.Repeat("0", 64)
		for _, r := range p.Broken() {
			fmt.Fprintf(&b, "may not be applied: %s\n", r.Name)
		}
		if err := show.Plan(&b, p, show.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			s := loadSituation(t, path)
			got := s.result(t)
			for line := range strings.Lines(got) {
				if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
					t.Errorf("a line of %d columns: %s", n, line)
				}
			}
			s.golden(t, path, got)
		})
	}
}

func (s *situation) golden(t *testing.T, path, got string) {
	t.Helper()
	i := slices.IndexFunc(s.archive.Files, func(f txtar.File) bool { return f.Name == "plan.txt" })
	if *update {
		if i < 0 {
			s.archive.Files = append(s.archive.Files, txtar.File{Name: "plan.txt"})
			i = len(s.archive.Files) - 1
		}
		s.archive.Files[i].Data = []byte(got)
		if err := os.WriteFile(path, txtar.Format(s.archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if i < 0 {
		t.Fatal("no plan.txt in the file; make it with -update")
	}
	if diff := cmp.Diff(string(s.archive.Files[i].Data), got); diff != "" {
		t.Errorf("the plan differs (-want +got):\n%s", diff)
	}
}

// recordedState reads a state that was written by hand, without a digest; nil if there
// is none.
func recordedState(t testing.TB, path string) *state.State {
	t.Helper()
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var s state.State
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &s
}
