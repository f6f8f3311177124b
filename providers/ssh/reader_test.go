package ssh

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"zup/providers/ssh/sshtest"
)

// A reader is asked on the first line of a session, which a shell takes no notice of.
func TestReaderIsAskedOnTheFirstLine(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	s.Answer("cat /etc/hostname", sshtest.Reply{Stdout: "zva5n1\n"})
	h := dial(t, newDialer(t), target(s))
	read := ReadsFacts("zevenet", strings.Repeat("0", 64), []string{"role", "vips"})
	res, err := h.Run(t.Context(), Command{Script: "cat /etc/hostname", Args: []string{"role"}, Read: read})
	if err != nil || string(res.Stdout) != "zva5n1\n" || h.Reader() != nil {
		t.Errorf("%q %v %v", res.Stdout, err, h.Reader())
	}
	if got, want := s.Requests()[0].Read, "read 1 facts zevenet "+strings.Repeat("0", 64)+" role vips"; got != want {
		t.Errorf("it was asked %q, want %q", got, want)
	}
	if _, err := h.LockStatus(short(t)); err != nil {
		t.Fatal(err)
	}
	if got := s.Requests()[1].Read; got != "read 1 lock" {
		t.Errorf("about the lock it was asked %q", got)
	}
	lockOn(t, h, claim("anna", "run1"))
	if got := s.Requests()[2].Read; got != "" {
		t.Errorf("it was asked %q for the lock itself", got)
	}
	if s.Connections() != 1 {
		t.Errorf("%d connections", s.Connections())
	}
}

// What answers as a reader is known by its first answer, and its refusal is no matter of
// shells or of sudo.
func TestReaderIsKnownByItsFirstAnswer(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, `ForceCommand read -r m n r; case $r in "read 1 facts"*) echo "$m zup-reader 1 1 0.1.0 ok"; echo facts ;; "read 1 lock") echo "$m zup-reader 1 1 0.1.0 ok"; printf 'lock held 7 60 -\njobs\n' ;; *) echo "$m zup-reader 1 1 0.1.0 refused"; echo "zup-reader: no" >&2; exit 77 ;; esac`)
	h := sshdHost(t, s)
	if h.Reader() != nil {
		t.Error("it is a reader before it has answered")
	}
	res, err := h.Run(t.Context(), Command{Script: "echo no", Read: ReadsFacts("x", "0", []string{"role"})})
	if err != nil || string(res.Stdout) != "facts\n" {
		t.Errorf("%q %v", res.Stdout, err)
	}
	if r := h.Reader(); r == nil || *r != (Reader{1, 1, "0.1.0"}) {
		t.Errorf("it is %v", r)
	}
	if l := lockStatus(t, h); l.State != LockHeld || l.PID != 7 {
		t.Errorf("%+v", l)
	}
	const want = `node "real": %sthis key may only read: the node runs nothing for it but the reader that is installed there (edition 1, of zup 0.1.0)`
	var refused *ReaderError
	if _, err := h.Run(t.Context(), Command{Script: "echo hello"}); !errors.As(err, &refused) || err.Error() != fmt.Sprintf(want, "run: ") || !strings.Contains(refused.Hint(), "a key that gets in as root") {
		t.Errorf("got %v", err)
	}
	if err := h.Lock(short(t), claim("anna", "run1")); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	if _, err := h.Job(short(t), Job{ID: "run/job", Script: "echo hello"}); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	if _, err := h.ClearLock(short(t)); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}

func TestReaderErrorSaysWhichIsOlder(t *testing.T) {
	t.Parallel()
	of := func(protocol, edition int) *Reader { return &Reader{protocol, edition, "0.9.0"} }
	for _, tt := range []struct {
		err        ReaderError
		says, hint string
	}{
		{ReaderError{Reader: of(1, ReaderEdition)}, "this key may only read", "needs a key that gets in as root"},
		{ReaderError{Reader: of(1, ReaderEdition-1)}, "this key may only read", "needs a key that gets in as root"},
		{ReaderError{Reader: of(1, ReaderEdition-1), Other: true, Asked: true}, "is older than this zup needs, which is edition", "zup reader -key FILE.pub | ssh root@192.0.2.1 sh"},
		{ReaderError{Reader: of(1, ReaderEdition+1), Other: true, Asked: true}, "is newer than this zup, which knows edition", "use the zup that it is of"},
		{ReaderError{Reader: of(0, 9), Asked: true}, "is older", "zup reader"},
		{ReaderError{Reader: of(2, 0), Asked: true}, "is newer", "use the zup that it is of"},
		{ReaderError{Reader: of(1, ReaderEdition), Other: true, Asked: true}, "has other facts than that edition: somebody has changed it", "zup reader"},
		{ReaderError{Reader: of(1, ReaderEdition), Asked: true}, "refuses what that edition answers", "zup reader"},
		{ReaderError{Said: "zup-reader: x"}, "does not answer: x", "zup reader"},
	} {
		tt.err.Host = "192.0.2.1"
		if got := tt.err.Error(); !strings.Contains(got, tt.says) {
			t.Errorf("%+v says %s", tt.err, got)
		}
		if got := tt.err.Hint(); !strings.Contains(got, tt.hint) {
			t.Errorf("%+v hints %s", tt.err, got)
		}
	}
}

// FuzzReaderAnswer: whatever a node answers in a reader's place, what zup shows of it is
// printable and short.
func FuzzReaderAnswer(f *testing.F) {
	for _, s := range []string{"1 1 0.1.0 ok\n", "1 2 0.1.0 other\n", "", "1", "-1 1 x ok", "1 1 \x1b[2J ok", "99999999999999999999 1 x ok", "1 1 0.1.0 ok more"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r, verdict, err := parseReader(line)
		if err != nil {
			if s := err.Error(); len(s) > 2000 || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }) {
				t.Fatalf("%q", s)
			}
			return
		}
		e := ReaderError{Reader: &r, Other: verdict == "other", Asked: true, Host: "192.0.2.1"}
		if s := e.Error() + e.Hint(); len(s) > 1000 || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) || r.Protocol < 0 || r.Edition < 0 {
			t.Fatalf("%q", s)
		}
	})
}

// The reader's program only looks: it has nothing in it that could change, start or end
// something, and says of the lock what the whole program says.
func TestLookProgramOnlyLooks(t *testing.T) {
	t.Parallel()
	code := regexp.MustCompile(`(?m)#.*$`).ReplaceAllString(LookProgram(), "")
	for _, word := range []string{"unlink", "rename", "mkdir", "rmdir", "truncate", "kill", "fork", "exec", "system", "chmod", "chown", "symlink", "O_TRUNC", "sub hold", "sub start", "sub forget", "STDIN"} {
		if regexp.MustCompile(`\b` + word + `\b`).MatchString(code) {
			t.Errorf("it has %q", word)
		}
	}
	h, s := localHost(t)
	beginOn(t, h, claim("anna", "run1"))
	program := strings.NewReplacer(defaultLockFile, s.LockFile(), defaultJobDir, s.JobDir()).Replace(LookProgram())
	out, err := exec.Command("perl", "-e", program).Output()
	if err != nil || !strings.HasPrefix(string(out), "lock held ") || !strings.HasSuffix(string(out), "\njobs\n") {
		t.Errorf("%q %v", out, err)
	}
}
