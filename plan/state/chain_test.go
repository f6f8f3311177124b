package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"time"
	"zup/plan/disk"
)

// chainedRun is the folder of a run of two actions.
func chainedRun(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	now := func() time.Time { return time.Unix(1_700_000_000, 0) }
	j, err := CreateJournal(filepath.Join(dir, "journal.jsonl"), now)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("what a node said\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum, err := FileDigest(filepath.Join(dir, "a.txt"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(e Entry) {
		if err := j.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	write(Entry{Event: RunBegin, Detail: "plan 1"})
	write(Entry{Event: Begin, Action: "a"})
	write(Entry{Event: Done, Action: "a", Files: map[string]string{"a.txt": sum}})
	j.Close()
	if j, _, _, err = AppendJournal(filepath.Join(dir, "journal.jsonl"), now); err != nil { // as resume does
		t.Fatal(err)
	}
	write(Entry{Event: Resume})
	write(Entry{Event: RunEnd})
	j.Close()
	return dir
}

func TestVerifyRun(t *testing.T) {
	c, entries, err := VerifyRun(chainedRun(t))
	if err != nil || len(entries) != 5 || len(c.Altered) > 0 || c.Lines != 5 || c.Files != 1 || c.Open || len(c.End) != 64 {
		t.Errorf("a run as it was written: %+v, %v", c, err)
	}
}

func TestVerifyRunFindsWhatWasAltered(t *testing.T) {
	edit := func(name, from, to string) func(string) error {
		return func(dir string) error {
			path := filepath.Join(dir, name)
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, []byte(strings.Replace(string(data), from, to, 1)), 0o600)
		}
	}
	line := func(n int) func(string) error {
		return func(dir string) error {
			path := filepath.Join(dir, "journal.jsonl")
			data, err := os.ReadFile(path)
			lines := strings.SplitAfter(string(data), "\n")
			if err == nil {
				err = os.WriteFile(path, []byte(strings.Join(append(lines[:n-1:n-1], lines[n:]...), "")), 0o600)
			}
			return err
		}
	}
	for name, test := range map[string]struct {
		alter func(string) error
		want  string
	}{
		"a transcript":       {edit("a.txt", "said", "sang"), "a.txt was altered"},
		"a lost transcript":  {func(dir string) error { return os.Remove(filepath.Join(dir, "a.txt")) }, "a.txt is missing"},
		"a detail":           {edit("journal.jsonl", "plan 1", "plan 2"), "line 1 has a sum"},
		"a digest":           {edit("journal.jsonl", `"a.txt":"`, `"a.txt":"0`), "line 3 has a sum"},
		"a line taken away":  {line(2), "line 2 has a sum"},
		"a line cut in half": {edit("journal.jsonl", `"event":"begin"`, `"event`), "line 2 has a sum"},
		"something after the end": {func(dir string) error {
			f, err := os.OpenFile(filepath.Join(dir, "journal.jsonl"), os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = f.WriteString("{")
			}
			return err
		}, "follows line 5"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := chainedRun(t)
			if err := test.alter(dir); err != nil {
				t.Fatal(err)
			}
			c, _, err := VerifyRun(dir)
			if err != nil || !strings.Contains(strings.Join(c.Altered, "\n"), test.want) {
				t.Errorf("%q, %v; want %q", c.Altered, err, test.want)
			}
		})
	}
}

// A journal can name only what is in its folder.
func TestVerifyRunStaysInItsFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	d, err := disk.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var c Chain
	for _, name := range []string{"../a.txt", "/etc/passwd", "", "link"} {
		c.file(d, name, "")
	}
	if len(c.Altered) != 4 || c.Files != 0 {
		t.Errorf("%q", c.Altered)
	}
}
