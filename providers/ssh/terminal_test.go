package ssh

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func TestKeyboard(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"": "", "ls\r": "ls\r", "a~.b": "a~.b", "~.rest": "!", "ls\r~.": "ls\r!", "ls\n~.": "ls\n!", "~~.\r": "~.\r", "~a": "~a", "~~": "~", "\r~": "\r", "~\r~.": "~\r!", "~~~.": "~~.", "x\r~/bin\r": "x\r~/bin\r",
	} {
		for _, in := range []io.Reader{strings.NewReader(typed), iotest.OneByteReader(strings.NewReader(typed))} {
			k := &keyboard{in: in, atStart: true, hungUp: make(chan struct{})}
			got, err := io.ReadAll(k)
			if err != nil {
				t.Fatal(err)
			}
			select {
			case <-k.hungUp:
				got = append(got, '!')
			default:
			}
			if string(got) != want {
				t.Errorf("%q: %q, want %q", typed, got, want)
			}
		}
	}
}

// Somebody who may not become root on the node can look around there all the same: a shell
// needs no sudo, and is the account's own.
func TestSSHDShellWithoutSudo(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	// sshd reads the keys as the user whose they are.
	err := errors.Join(os.Chmod(filepath.Dir(s.dir), 0o755), os.Chmod(s.dir, 0o755), os.Chmod(filepath.Join(s.dir, "authorized_keys"), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	d := newDialer(t)
	to := s.target()
	to.User = "nobody" // its shell says that it is none, and ends with 1
	var sudo *SudoError
	var shell *ShellError
	if _, err := d.Dial(t.Context(), to); !errors.As(err, &sudo) && !errors.As(err, &shell) {
		t.Fatalf("nobody may become root here: %v", err)
	}
	l, err := d.Login(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var out bytes.Buffer
	status, err := l.Shell(short(t), Terminal{In: strings.NewReader(""), Out: &out, Columns: 80, Rows: 24})
	if err != nil || status != 1 || !strings.Contains(out.String(), "not available") {
		t.Errorf("status %d, %v: %q", status, err, out.String())
	}
}
