package state

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	old, err := Read(path + backupSuffix)
	if err != nil || old.Serial != 3 {
		t.Errorf("the backup is %+v (%v)", old, err)
	}
}

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
	sealedText := func(text string) string { return string(seal([]byte(text))) }
	for _, tt := range []struct{ name, text, want string }{
		{"cut in half", string(good[:len(good)/2]), "not JSON after byte"},
		{"empty", "", "not JSON after byte 0"},
		{"only NUL bytes, as a power cut leaves them", string(make([]byte, len(good))), "not JSON after byte 1"},
		{"another file", `{"a":1}`, "does not begin with a digest"},
		{"edited", strings.Replace(string(good), `"lineage": "l"`, `"lineage": "m"`, 1), "its digest is not that of its content"},
		{"no digest", "{" + string(good[headLength:]), "does not begin with a digest"},
		{"a version that was flipped", strings.Replace(string(good), `"format_version": 1`, `"format_version": 3`, 1), "its digest is not that of its content"},
		{"no lineage", sealedText(`"format_version":1}`), "no lineage"},
		{"wrong type", sealedText(`"format_version":1,"lineage":"l","serial":"x"}`), "cannot unmarshal"},
		{"null cluster", sealedText(`"format_version":1,"lineage":"l","clusters":{"edge":null}}`), "is null"},
		{"newer", sealedText(`"format_version":2,"zup_version":"9.9"}`), "written by zup 9.9"},
		{"newer, laid out otherwise", `{"format_version":2,"zup_version":"9.9"}`, "written by zup 9.9"},
	} {
		path := filepath.Join(t.TempDir(), "zup.state.json")
		write(t, path, tt.text)
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
		if data, err := os.ReadFile(path); err != nil || string(data) != tt.text {
			t.Errorf("%s: the file was touched (%v)", tt.name, err)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// fullState has every field set.
func fullState() *State {
	at := time.Date(2026, 11, 22, 15, 0, 0, 123, time.UTC)
	return &State{
		FormatVersion: 1, Lineage: newLineage(), Serial: 7, ZupVersion: "1.0",
		Applied: []Applied{{OutcomeDone, strings.Repeat("ab", 32), "20261122T150000Z-0a0b", at}},
		Clusters: map[string]*Cluster{"edge": {
			Master: "a1", Outcome: OutcomeStopped, PlanID: "p", Run: "r", Version: "6.1.19",
			Open:      []Change{{"edge.a1.block", "hosts_deny=IyBlbXB0eQo=", "a1/hosts.deny", "r", at}},
			Recorded:  map[string]string{"a1/digest": "d\ufffd<&>"},
			Snapshots: []Snapshot{{true, "zup-6.1.19-0badcafe", "a1", "r", at, "6.1.19"}},
		}},
	}
}

// Whichever bit of a state file is flipped, and wherever it is cut off: it is
// refused as damaged, never read as something else and never taken for a later
// format.
func TestEveryBitOfAStateFile(t *testing.T) {
	good, err := fullState().encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode("x", good); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		for bit := range 8 {
			flipped := bytes.Clone(good)
			flipped[i] ^= 1 << bit
			var d *DamagedError
			if _, err := decode("x", flipped); !errors.As(err, &d) {
				t.Fatalf("byte %d, bit %d: %v", i, bit, err)
			}
		}
		var d *DamagedError
		if _, err := decode("x", good[:i]); !errors.As(err, &d) && i < len(good)-1 {
			t.Fatalf("cut off after %d: %v", i, err)
		}
	}
}

// What is kept beside is the write before, whole, whatever becomes of the file
// meanwhile; and a damaged file says that it is there.
func TestBackup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zup.state.json")
	s := open(t, path)
	nothing := func(*State) {}
	serial := func(path string) int64 {
		t.Helper()
		s, err := Read(path)
		if err != nil || s == nil {
			t.Fatalf("%s: %v %v", path, s, err)
		}
		return s.Serial
	}
	for n := range 3 {
		if err := s.Update("1.0", nothing); err != nil {
			t.Fatal(err)
		}
		if n > 0 && serial(path+backupSuffix) != int64(n) {
			t.Fatalf("after %d writes the backup has serial %d", n+1, serial(path+backupSuffix))
		}
	}
	write(t, path, "rubbish") // in place: the backup must not be the same file
	if serial(path+backupSuffix) != 2 {
		t.Fatal("the backup shares its bytes with the file")
	}
	if err := s.Update("1.0", nothing); err != nil {
		t.Fatal(err)
	}
	if serial(path+backupSuffix) != 3 || serial(path) != 4 {
		t.Errorf("file %d, backup %d", serial(path), serial(path+backupSuffix))
	}
	s.Close()
	data, _ := os.ReadFile(path)
	write(t, path, string(data[:40]))
	_, err := Open(t.Context(), path, 0, Holder{})
	var d *DamagedError
	if !errors.As(err, &d) || d.Backup == nil || !strings.Contains(d.Hint(), "whole, with serial 3: mv ") {
		t.Fatalf("%v %+v", err, d)
	}
	if serial(path+backupSuffix) != 3 {
		t.Error("a damaged file has overwritten the backup")
	}
	write(t, path+backupSuffix, "rubbish too")
	if _, err := Read(path); !errors.As(err, &d) || d.Backup != nil || strings.Contains(d.Hint(), ".backup") {
		t.Errorf("%v: %s", err, d.Hint())
	}
}

// A file system without hard links keeps a copy.
func TestBackupIsACopyWhereNothingCanBeLinked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zup.state.json")
	s := open(t, path)
	for range 2 {
		if err := s.Update("1.0", func(*State) {}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(path+backupSuffix+".new", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Update("1.0", func(*State) {}); err != nil {
		t.Fatal(err)
	}
	if b, err := Read(path + backupSuffix); err != nil || b.Serial != 2 {
		t.Errorf("%+v (%v)", b, err)
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
	for i := range data {
		for bit := range 8 {
			flipped := bytes.Clone(data)
			flipped[i] ^= 1 << bit
			read, err := parseJournal(path, bytes.NewReader(flipped))
			var damaged *DamagedJournalError
			lines := bytes.Count(data[:i], []byte("\n"))
			if last := i == len(data)-1; last && read.cut && err == nil && len(read.entries) == 2 {
				continue // the last line feed: a line that was cut off
			}
			if !errors.As(err, &damaged) || damaged.Entry != lines+1 || len(read.entries) != lines {
				t.Fatalf("byte %d, bit %d: %d entries, %v", i, bit, len(read.entries), err)
			}
		}
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	for name, text := range map[string][]byte{
		"a line is missing":       slices.Concat(lines[0], lines[2]),
		"the first is missing":    slices.Concat(lines[1], lines[2]),
		"a line is there twice":   slices.Concat(lines[0], lines[1], lines[1]),
		"two lines are exchanged": slices.Concat(lines[1], lines[0], lines[2]),
		"a line without a sum":    slices.Concat(lines[0], []byte(`{"event":"begin","seq":2}`+"\n")),
	} {
		var damaged *DamagedJournalError
		if read, err := parseJournal(path, bytes.NewReader(text)); !errors.As(err, &damaged) || len(read.entries) > 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A journal is continued after its last whole line, and its chain goes on.
func TestAppendJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j, err := CreateJournal(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Event{RunBegin, Begin, Done} {
		if err := j.Write(Entry{Event: e, Action: "a"}); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	data, _ := os.ReadFile(path)
	for cut := range data {
		write(t, path, string(data[:cut]))
		j, entries, torn, err := AppendJournal(path, time.Now)
		if err != nil || len(entries) != bytes.Count(data[:cut], []byte("\n")) || torn != (cut > 0 && data[cut-1] != '\n') {
			t.Fatalf("cut at %d: %d entries, torn %t, %v", cut, len(entries), torn, err)
		}
		if err := errors.Join(j.Write(Entry{Event: Resume}), j.Close()); err != nil {
			t.Fatal(err)
		}
		got, torn, err := ReadJournal(path)
		if err != nil || torn || len(got) != len(entries)+1 || got[len(got)-1].Event != Resume {
			t.Fatalf("cut at %d: %v %t %v", cut, got, torn, err)
		}
	}
}

// The clock of a journal may go back: the lines are in order by their numbers.
func TestJournalWhoseClockGoesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	now := time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	j, err := CreateJournal(path, func() time.Time { now = now.Add(-time.Hour); return now })
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := j.Write(Entry{Event: Begin}); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	entries, cut, err := ReadJournal(path)
	if err != nil || cut || len(entries) != 3 || !entries[2].Time.Before(entries[0].Time) {
		t.Errorf("%v %t %v", entries, cut, err)
	}
}

// seeds gives the fuzzer a text and what damage makes of it.
func seeds(f *testing.F, text []byte) {
	f.Add(text)
	f.Add(text[:len(text)/2])
	f.Add(slices.Concat(text, text))
	f.Add(bytes.ReplaceAll(text, []byte(`"`), []byte(`\`)))
	f.Add(bytes.ReplaceAll(text, []byte("1"), []byte("9")))
	f.Add(make([]byte, 64))
}

// FuzzRead: a state file that is accepted says the same when it is written again.
// The fuzzer can't guess a digest, so that the rest of a file is tried as well.
func FuzzRead(f *testing.F) {
	good, err := fullState().encode()
	if err != nil {
		f.Fatal(err)
	}
	seeds(f, good)
	seeds(f, good[headLength:])
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, file := range [][]byte{data, seal(data)} {
			s, err := decode("x", file)
			if err != nil {
				withBackup(err)
				continue
			}
			again, err := s.clone().encode()
			if err != nil {
				t.Fatal(err)
			}
			back, err := decode("x", again)
			if err != nil {
				t.Fatal(err)
			}
			third, err := back.encode()
			if err != nil || !bytes.Equal(again, third) {
				t.Fatalf("%s\nis not\n%s", again, third)
			}
		}
	})
}

// FuzzJournal: whatever a journal file holds, what is read of it is the part that
// is whole, and it can be continued there.
func FuzzJournal(f *testing.F) {
	path := filepath.Join(f.TempDir(), "journal.jsonl")
	j, err := CreateJournal(path, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range []Entry{{Event: RunBegin}, {Event: Begin, Action: "a"}, {Event: Fail, Action: "a", Detail: "\"}\n\xff"}} {
		if err := j.Write(e); err != nil {
			f.Fatal(err)
		}
	}
	j.Close()
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	seeds(f, data)
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := parseJournal("x", bytes.NewReader(data))
		if int64(len(data)) < read.size || bytes.Count(data[:read.size], []byte("\n")) != len(read.entries) {
			t.Fatalf("%d entries in %d bytes of %d", len(read.entries), read.size, len(data))
		}
		for i, e := range read.entries {
			if e.Seq != i+1 {
				t.Fatalf("entry %d has the number %d", i+1, e.Seq)
			}
		}
		whole := read.size == int64(len(data))
		if err == nil && whole == read.cut && len(bytes.TrimSpace(data[read.size:])) > 0 {
			t.Fatalf("%d of %d bytes are lines, cut is %t", read.size, len(data), read.cut)
		}
	})
}

// A state whose digest is right is damaged all the same if a name in it is one that zup
// would not give: a folder is called after a run, and a snapshot's name is a word of the
// command that deletes it.
func TestNamesInAStateAreHeldToTheirGrammar(t *testing.T) {
	change := map[string]func(*State, string){
		"cluster":            func(s *State, x string) { s.Clusters[x] = s.Clusters["edge"] },
		"applied run":        func(s *State, x string) { s.Applied[0].Run = x },
		"run":                func(s *State, x string) { s.Clusters["edge"].Run = x },
		"master":             func(s *State, x string) { s.Clusters["edge"].Master = x },
		"change":             func(s *State, x string) { s.Clusters["edge"].Open[0].Name = x },
		"change of a node":   func(s *State, x string) { s.Clusters["edge"].Open[0].Name = "a1/" + x },
		"change's action":    func(s *State, x string) { s.Clusters["edge"].Open[0].Action = x },
		"change's run":       func(s *State, x string) { s.Clusters["edge"].Open[0].Run = x },
		"snapshot":           func(s *State, x string) { s.Clusters["edge"].Snapshots[0].Name = x },
		"version":            func(s *State, x string) { s.Clusters["edge"].Version = x },
		"snapshot's version": func(s *State, x string) { s.Clusters["edge"].Snapshots[0].Version = x },
		"snapshot's node":    func(s *State, x string) { s.Clusters["edge"].Snapshots[0].Node = x },
		"snapshot's run":     func(s *State, x string) { s.Clusters["edge"].Snapshots[0].Run = x },
		"recorded":           func(s *State, x string) { s.Clusters["edge"].Recorded[x] = "" },
		"recorded fact":      func(s *State, x string) { s.Clusters["edge"].Recorded["a1/"+x] = "" },
	}
	for what, change := range change {
		for _, x := range []string{"--all", "-rf", "../../evil", "/etc/passwd", "a b", "a\x1b[2J", "a\u202eb", "$(id)", "{name}", "..", "\u0430"} {
			s := fullState()
			change(s, x)
			data, err := s.encode()
			if err != nil {
				t.Fatal(err)
			}
			var d *DamagedError
			if _, err := decode("x", data); !errors.As(err, &d) || !strings.Contains(d.Hint(), "move it away and plan again") {
				t.Errorf("%s %q: %v", what, x, err)
			}
		}
	}
	s := fullState()
	s.Clusters["edge"].Snapshots[0].Name = "zup" // a name, but not of zup's
	data, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode("x", data); err == nil || !strings.Contains(err.Error(), `in cluster "edge", "zup" is not the name of a snapshot`) {
		t.Error(err)
	}
}

// So is a journal, and what stood before in it can be believed.
func TestNamesInAJournalAreHeldToTheirGrammar(t *testing.T) {
	for _, e := range []Entry{
		{Event: Begin, Action: "../../../evil"}, {Event: Begin, Action: "--all"}, {Event: Begin, Action: "a/b"}, {Event: Begin, Action: "a b"},
		{Event: Done, Action: "a", Files: map[string]string{"../../etc/passwd": ""}}, {Event: Done, Action: "a", Files: map[string]string{"/etc/passwd": ""}},
		{Event: Done, Action: "a", Recorded: map[string]string{"../x": ""}}, {Event: Done, Action: "a", Recorded: map[string]string{"role": ""}},
	} {
		path := filepath.Join(t.TempDir(), "journal.jsonl")
		j, err := CreateJournal(path, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range []Entry{{Event: RunBegin}, e} {
			if err := j.Write(e); err != nil {
				t.Fatal(err)
			}
		}
		j.Close()
		entries, _, err := ReadJournal(path)
		var d *DamagedJournalError
		if !errors.As(err, &d) || d.Entry != 2 || len(entries) != 1 {
			t.Errorf("%+v: %v, %d entries", e, err, len(entries))
		}
		if _, _, _, err := AppendJournal(path, time.Now); err == nil {
			t.Errorf("%+v: was continued", e)
		}
	}
}
