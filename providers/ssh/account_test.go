package ssh

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"zup/providers/ssh/sshtest"
)

// Accounts that talk, ask, or offer a menu, against OpenSSH's own server: each gets its
// limit, what it printed is shown, and nothing hangs.
func TestSSHDAccountsThatHang(t *testing.T) {
	t.Parallel()
	if shell := loginShell(t); !strings.HasSuffix(shell, "/bash") {
		skip(t, "needs bash as the login shell of root, which reads .bashrc for ssh; it is "+shell)
	}
	const late = "the account did not begin with what it was asked to run within 2s: "
	for name, c := range map[string]struct {
		option, bashrc string
		err            []string // nil: it works
	}{
		"a start-up file prints megabytes":            {"", "head -c 5000000 /dev/zero | tr '\\0' x; echo", nil},
		"on standard error too":                       {"", "head -c 5000000 /dev/zero | tr '\\0' x >&2; echo >&2", nil},
		"it never ends to print":                      {"", "yes 'Welcome, \x1b[2Jdear user'", []string{"the account printed ", "did not begin", `Welcome, \x1b[2Jdear user`}},
		"it prints one line without an end":           {"", "cat /dev/zero | tr '\\0' x", []string{"the account printed ", "xxx … xxx"}},
		"it asks, and is given what was meant for sh": {"", `printf "Accept the terms of use? [y/N] "; read -r a; [ "$a" = y ] || exit 3`, []string{"the account does not run commands (exit status 3): Accept the terms of use?"}},
		"it asks the terminal":                        {"", "echo 'Verification code:'; exec sleep 600", []string{late + "Verification code:"}},
		"it says nothing":                             {"", "sleep 600", []string{late + "it said nothing"}},
		"a forced command that waits":                 {"ForceCommand printf '1) status\\n2) logs\\nChoose: '; sleep 600", "", []string{late + "1) status\n2) logs\nChoose: "}},
		"a menu that asks again and again":            {"ForceCommand while :; do echo 'Choose 1-9:'; read -r a; done", "", []string{"did not begin with what it was asked to run", "Choose 1-9:"}},
		"a menu that repeats what it gets":            {"ForceCommand cat; sleep 600", "", []string{late + "zup-"}},
		"an account without a shell":                  {"ForceCommand /usr/sbin/nologin", "", []string{"does not run commands (exit status 1): This account is currently not available."}},
		"what was asked for is not looked at":         {"ForceCommand true", "", []string{"does not run commands (exit status 0): it said nothing"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var options []string
			if c.option != "" {
				options = append(options, c.option)
			}
			s := startSSHD(t, options...)
			s.write(t, ".bashrc", []byte(c.bashrc+"\n"))
			d := newDialer(t)
			d.AnswerTimeout, d.JobDir = 2*time.Second, jobDir(t)
			if c.err == nil || strings.Contains(c.err[0], "printed") {
				d.AnswerTimeout = 30 * time.Second
			}
			h := dial(t, d, s.target())
			start := time.Now()
			res, err := h.Run(t.Context(), Command{Script: "echo hello"})
			took := time.Since(start)
			if c.err == nil {
				if err != nil || string(res.Stdout) != "hello\n" {
					t.Errorf("%q, %v", res.Stdout, err)
				}
				return
			}
			var shell *ShellError
			if !errors.As(err, &shell) {
				t.Fatalf("%v", err)
			}
			contains(t, "error", err.Error(), c.err...)
			if took > 20*time.Second || len(err.Error()) > 3000 || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("it took %v, and %d bytes of error", took, len(err.Error()))
			}
			start = time.Now()
			if _, err = h.JobStatus(t.Context(), "run/job"); !errors.As(err, &shell) {
				t.Errorf("a job: %v", err)
			}
			if again := time.Since(start); shell.Waited > 0 && again > time.Second {
				t.Errorf("it was waited for once more: %v", again)
			}
		})
	}
}

// A second factor is said, at once.
func TestSSHDSecondFactor(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/etc/pam.d/sshd"); err != nil {
		skip(t, "needs PAM for sshd: apt-get install openssh-server")
	}
	s := startSSHD(t, "KbdInteractiveAuthentication yes", "AuthenticationMethods publickey,keyboard-interactive")
	s.stop()
	config, _ := os.ReadFile(s.dir + "/sshd_config")
	s.write(t, "sshd_config", []byte(strings.Replace(string(config), "UsePAM no", "UsePAM yes", 1)))
	s.start(t)
	start := time.Now()
	err := dialError(t, newDialer(t), s.target())
	contains(t, "error", err.Error(), "the key was accepted, but the server wants more than a key", "keyboard-interactive")
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	// Two keys are what zup has.
	two := startSSHD(t, "AuthenticationMethods publickey,publickey")
	second := filepath.Join(two.dir, "second")
	both, _ := os.ReadFile(filepath.Join(two.dir, "authorized_keys"))
	two.write(t, "authorized_keys", append(both, ssh.MarshalAuthorizedKey(sshtest.WriteKey(t, "ed25519", second, ""))...))
	d := newDialer(t)
	writeConfig(t, d, "IdentityFile "+two.identityFile+"\nIdentityFile "+second+"\n")
	to := two.target()
	to.IdentityFile = ""
	dial(t, d, to)
}
