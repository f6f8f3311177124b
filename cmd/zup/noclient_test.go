package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Without ssh on the machine zup goes where it goes with it, or refuses the line that only
// ssh can tell about: for every configuration that package ssh compares with ssh -G.
func TestConfigurationsWithoutAnSSHClient(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../providers/ssh/testdata/configurations/*.txtar")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d configurations: %v", len(files), err)
	}
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		missing(t, "there is no ssh to compare with")
	}
	with := filepath.Dir(ssh)
	without := t.TempDir()
	for _, program := range []string{"sh", "bash", "test", "id", "hostname"} {
		if path, err := exec.LookPath(program); err == nil {
			if err := os.Symlink(path, filepath.Join(without, program)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if path, err := exec.Command("/bin/sh", "-c", "PATH="+without+" command -v ssh").Output(); err == nil {
		t.Fatalf("there is an ssh: %s", path)
	}
	refused := 0
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, ask, _ := strings.Cut(string(a.Comment), "ask: ")
		ask, _, _ = strings.Cut(ask, "\n")
		w := newWays(t, a)
		for _, host := range strings.Fields(ask) {
			there, told := w.print(host, with+":"+without)
			here, err := w.print(host, without)
			switch {
			case err == nil && told == nil && here == there:
			case err != nil && told != nil:
			case err != nil && told == nil && onlySSH.MatchString(err.Error()):
				refused++
			default:
				t.Errorf("%s: %s\nwith ssh %v\n%s\nwithout %v\n%s", filepath.Base(file), host, told, there, err, here)
			}
		}
	}
	if refused == 0 || refused > len(files)/10 {
		t.Errorf("%d of %d are refused without ssh", refused, len(files))
	}
}

var onlySSH = regexp.MustCompile(`config:[0-9]+:\s+(Match\s+\w+:\s+only\s+ssh\s+can\s+tell|CanonicalizeHostname\s)`)

// ways are a home with a configuration of ssh, and a directory with one of zup's.
type ways struct {
	t         *testing.T
	home, dir string
}

func newWays(t *testing.T, a *txtar.Archive) *ways {
	t.Helper()
	w := &ways{t, t.TempDir(), t.TempDir()}
	err := os.Mkdir(filepath.Join(w.home, ".ssh"), 0o700)
	for _, f := range a.Files {
		name := filepath.Join(w.home, f.Name)
		text := strings.ReplaceAll(string(f.Data), "$HOME", w.home)
		if f.Name == "config" {
			name = filepath.Join(w.home, ".ssh", f.Name)
		}
		err = errors.Join(err, os.WriteFile(name, []byte(text), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// print returns what zup ssh -print says, without where it comes from, or why it says nothing.
func (w *ways) print(host, path string) (string, error) {
	w.t.Helper()
	user, address, named := strings.Cut(host, "@")
	if !named {
		user, address = "", host
	}
	block := ""
	if named {
		block = fmt.Sprintf("\n    ssh { user = %q }\n ", user)
	}
	config := fmt.Sprintf("cluster \"zevenet\" \"edge\" {\n  version = \"6.1.20\"\n  node \"a\" {\n    address = %q%s  }\n}\n", strings.ReplaceAll(address, "$", "$$"), block)
	if err := os.WriteFile(filepath.Join(w.dir, "edge.zup.hcl"), []byte(config), 0o600); err != nil {
		w.t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.Command("zup", "ssh", "-print", "a")
	cmd.Dir, cmd.Env = w.dir, []string{"HOME=" + w.home, "PATH=" + path, "SHELL=/bin/sh"}
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, errs.String())
	}
	var said strings.Builder
	for line := range strings.Lines(out.String()) {
		fact := regexp.MustCompile(`\s{2,}`).Split(strings.TrimSpace(line), -1)
		said.WriteString(strings.Join(fact[:min(2, len(fact))], ": ") + "\n")
	}
	return said.String(), nil
}
