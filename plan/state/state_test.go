package state

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, 0, Holder{User: "ada", Host: "desk", PID: os.Getpid(), Since: time.Now(), Command: "apply"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zup.state.json")
	s := open(t, path)
	if s.State() != nil {
		t.Fatal("there is a state before there is a file")
	}
	for range 3 {
		if err := s.Update("1.0", func(s *State) {
			c := s.Cluster("edge")
			c.Open = append(c.Open, Change{Name: "a/b"})
			s.Clusters["edge"] = &c
		}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	back, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	known := back.Cluster("edge")
	if back.Serial != 3 || back.Lineage == "" || len(known.Open) != 3 || !known.IsOpen("a/b") || back.ZupVersion != "1.0" {
		t.Errorf("%+v", back)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v)", info.Mode(), err)
	}
	s = open(t, path)
	lineage := s.State().Lineage
	if err := s.Update("1.1", func(*State) {}); err != nil || s.State().Lineage != lineage || s.State().Serial != 4 {
		t.Errorf("lineage %s serial %d, %v", s.State().Lineage, s.State().Serial, err)
	}
	old, err := decodeFile(path + backupSuffix)
	if err != nil || old.Serial != 3 {
		t.Errorf("the backup is %+v (%v)", old, err)
	}
}

func decodeFile(path string) (*State, error) { return Read(path) }

// A write that fails leaves the file and the store as they were, and no other
// file behind.
func TestUpdateThatFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "zup.state.json")
	s := open(t, path)
	if err := s.Update("1.0", func(*State) {}); err != nil {
		t.Fatal(err)
	}
	before := *s.State()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Update("1.0", func(s *State) { s.Applied = append(s.Applied, Applied{}) }); err == nil {
		t.Fatal("written into a directory that is not there")
	}
	if s.State().Serial != before.Serial || len(s.State().Applied) != 0 {
		t.Errorf("the store has changed: %+v", s.State())
	}
}

func TestDamaged(t *testing.T) {
	good, err := (&State{FormatVersion: 1, Lineage: "l", Clusters: map[string]*Cluster{"edge": {}}}).encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"cut in half", string(good[:len(good)/2]), "not JSON after byte"},
		{"empty", "", "not JSON after byte 0"},
		{"another file", `{"a":1}`, "no format_version"},
		{"wrong type", `{"format_version":1,"lineage":"l","serial":"x"}`, "cannot unmarshal"},
		{"null cluster", `{"format_version":1,"lineage":"l","clusters":{"edge":null}}`, "is null"},
		{"newer", `{"format_version":2,"zup_version":"9.9"}`, "written by zup 9.9"},
	} {
		path := filepath.Join(t.TempDir(), "zup.state.json")
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if h, ok := err.(interface{ Hint() string }); !ok || h.Hint() == "" {
			t.Errorf("%s: no hint", tt.name)
		}
		if _, err := Open(t.Context(), path, 0, Holder{}); err == nil {
			t.Errorf("%s: opened", tt.name)
		}
		if locked, err := Locked(path); locked || err != nil {
			t.Errorf("%s: the lock stayed (%v)", tt.name, err)
		}
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zup.state.json")
	s := open(t, path)
	_, err := Open(t.Context(), path, 0, Holder{PID: 1})
	var locked *LockedError
	if !errors.As(err, &locked) || !strings.Contains(err.Error(), "ada on desk") || !strings.Contains(err.Error(), "zup apply") {
		t.Errorf("err is %v", err)
	}
	if yes, err := Locked(path); !yes || err != nil {
		t.Errorf("Locked says %t (%v)", yes, err)
	}
	go func() {
		time.Sleep(150 * time.Millisecond)
		s.Close()
	}()
	second, err := Open(t.Context(), path, time.Minute, Holder{PID: 2, User: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if yes, err := Locked(path); yes || err != nil {
		t.Errorf("nobody holds it, Locked says %t (%v)", yes, err)
	}
	if err := second.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

// The lock of a process that was killed is free at once.
func TestLockOfADeadProcess(t *testing.T) {
	if path := os.Getenv("STATE_TEST_HOLD"); path != "" {
		if _, err := Open(context.Background(), path, 0, Holder{PID: os.Getpid(), User: "dead"}); err != nil {
			os.Exit(3)
		}
		os.Stdout.WriteString("held\n")
		time.Sleep(time.Minute)
		os.Exit(0)
	}
	path := filepath.Join(t.TempDir(), "zup.state.json")
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockOfADeadProcess$")
	cmd.Env = append(os.Environ(), "STATE_TEST_HOLD="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 5)
	if _, err := out.Read(buf); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, 0, Holder{}); err == nil {
		t.Fatal("opened while the process lives")
	}
	cmd.Process.Kill()
	cmd.Wait()
	s, err := Open(t.Context(), path, 0, Holder{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j, err := CreateJournal(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Entry{{Event: RunBegin}, {Event: Begin, Action: "a"}, {Event: Done, Action: "a", Recorded: map[string]string{"n/f": "v"}}} {
		if err := j.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	if _, err := CreateJournal(path, time.Now); err == nil {
		t.Error("a second journal in the same place")
	}
	entries, cut, err := ReadJournal(path)
	if err != nil || cut || len(entries) != 3 || entries[2].Recorded["n/f"] != "v" || entries[2].Seq != 3 {
		t.Errorf("%v %t %v", entries, cut, err)
	}
	data, _ := os.ReadFile(path)
	for n := 1; n < len(data); n++ { // whatever a power cut leaves
		os.WriteFile(path, data[:len(data)-n], 0o600)
		got, cut, err := ReadJournal(path)
		if err != nil || len(got) > 2 && n > 0 || cut == (data[len(data)-n-1] == '\n') {
			t.Fatalf("%d bytes less: %d entries, cut %t, %v", n, len(got), cut, err)
		}
	}
	os.WriteFile(path, []byte(strings.Replace(string(data), `"seq":2`, `"seq":7`, 1)), 0o600)
	if _, _, err := ReadJournal(path); err == nil {
		t.Error("a line is missing, and nothing was said")
	}
}

func FuzzRead(f *testing.F) {
	good, _ := (&State{FormatVersion: 1, Lineage: "l", Clusters: map[string]*Cluster{"edge": {}}}).encode()
	f.Add(good)
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decode("x", data)
		if err == nil {
			s.Cluster("edge")
			s.clone()
		}
	})
}
