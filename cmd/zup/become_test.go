package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestNodeThatMakesRoot has a user become root by sudo and doas themselves, on a node that
// is this machine in namespaces: see TestOnTheNodeThatMakesRoot.
func TestNodeThatMakesRoot(t *testing.T) {
	inNamespaces(t, "TestOnTheNodeThatMakesRoot", "/usr/sbin/sshd", "/usr/bin/sudo", "/usr/bin/doas", "/usr/sbin/keepalived", "/usr/bin/unshare", "/usr/sbin/useradd", "/usr/bin/chage", "/usr/bin/script")
}

// becomingNode is a node on which ops has to become root.
type becomingNode struct {
	*readerNode
}

const opsPassword = "CANARY 'pw\" $(id) %s \\"

// begin makes the account, and nothing that lets it become root.
const beginOps = `
set -e
useradd -M -d /var/lib/ops -s /bin/bash ops
mkdir -p /var/lib/ops/.ssh && cp DIR/ops.pub /var/lib/ops/.ssh/authorized_keys && chown -R ops: /var/lib/ops
chpasswd <DIR/credentials
cp -a /etc/sudoers /etc/pam.d /run/
mkdir -p /run/disk/bin/upper /run/disk/bin/work
mount -t overlay overlay -o lowerdir=/usr/bin,upperdir=/run/disk/bin/upper,workdir=/run/disk/bin/work /usr/bin
`

// fresh takes back what a case has changed.
const freshOps = `
cp -a /run/sudoers /etc/sudoers
cp -a /run/pam.d/sshd /run/pam.d/sudo /etc/pam.d/
rm -f /etc/sudoers.d/zup /etc/doas.conf
chage -E -1 -d 2020-01-01 -M 99999 ops
[ ! -e /run/sudo.away ] || mv /run/sudo.away /usr/bin/sudo
`

// reads has zup read the node, with what somebody types on a terminal; "": there is none.
func (n *becomingNode) reads(become, typed string) (fact, said string) {
	n.Helper()
	text := fmt.Sprintf("cluster \"zevenet\" \"edge\" {\n  version = \"6.1.20\"\n  node \"zva5n1\" {\n    address = \"127.0.0.1\"\n    ssh {\n      port   = 2222\n      become = %q\n    }\n  }\n}\n", become)
	if err := os.WriteFile(filepath.Join(n.dir, "edge.zup.hcl"), []byte(text), 0o600); err != nil {
		n.Fatal(err)
	}
	out, said := filepath.Join(n.dir, "status.json"), ""
	os.Remove(out)
	if typed == "" {
		stdout, stderr, _ := n.run("status", "-json")
		if err := os.WriteFile(out, []byte(stdout), 0o600); err != nil {
			n.Fatal(err)
		}
		said = stderr
	} else {
		said = n.onTerminal(n.zup+" status -json >status.json", typed+"\n")
	}
	data, err := os.ReadFile(out)
	if err != nil {
		n.Fatal(err)
	}
	if strings.Contains(string(data)+said, "CANARY") {
		n.Errorf("the password is shown: %s%s", data, said)
	}
	var s statusReport
	if err := json.Unmarshal(data, &s); err != nil || len(s.Clusters) != 1 {
		return "", said + string(data)
	}
	node := s.Clusters[0].Nodes[0]
	return node.Facts["version"], node.Error
}

// onTerminal runs a command on a terminal, and types when it is asked.
func (n *becomingNode) onTerminal(command, typed string) string {
	n.Helper()
	cmd := exec.Command("script", "-qfec", command, "/dev/null")
	cmd.Dir, cmd.Env = n.dir, []string{"HOME=" + n.home, "PATH=/usr/bin:/bin", "TERM=dumb", "SHELL=/bin/sh"}
	in, err := cmd.StdinPipe()
	if err != nil {
		n.Fatal(err)
	}
	var screen bytes.Buffer
	var mu sync.Mutex
	asked := make(chan struct{})
	var once sync.Once
	cmd.Stdout = writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		screen.Write(p)
		if bytes.Contains(screen.Bytes(), []byte("Password of ops for sudo")) {
			once.Do(func() { close(asked) })
		}
		return len(p), nil
	})
	if err := cmd.Start(); err != nil {
		n.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		select {
		case <-asked:
			time.Sleep(50 * time.Millisecond) // until the terminal does not echo any more
			io.WriteString(in, typed)
		case <-ended:
		}
	}()
	cmd.Wait()
	close(ended)
	in.Close()
	mu.Lock()
	defer mu.Unlock()
	return screen.String()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestOnTheNodeThatMakesRoot runs inside of TestNodeThatMakesRoot.
func TestOnTheNodeThatMakesRoot(t *testing.T) {
	binary := os.Getenv("ZUP_ON_THE_NODE")
	if binary == "" {
		t.Skip("TestNodeThatMakesRoot runs it")
	}
	n := &readerNode{t, binary, t.TempDir(), t.TempDir()}
	n.must(beginNode)
	n.must("cd " + n.dir + " && for key in root ops; do ssh-keygen -q -t ed25519 -N '' -f $key -C $key@example; done && cp root.pub /run/root_keys && mkdir -p " + n.home + "/.ssh")
	hostKey := strings.Fields(n.must("cat /run/host_key.pub"))
	n.must(fmt.Sprintf("echo '[127.0.0.1]:2222 %s %s' >%s/.ssh/known_hosts", hostKey[0], hostKey[1], n.home))
	if err := os.WriteFile(filepath.Join(n.dir, "credentials"), []byte("ops:"+opsPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.must(strings.ReplaceAll(beginOps, "DIR", n.dir))
	n.must("rm " + n.dir + "/credentials")
	n.as("ops", "ops")

	const rule = "echo 'ops ALL=(root) ALL' >/etc/sudoers.d/zup"
	for _, c := range []struct {
		name, before, become, typed string
		err                         string // of the error; "": it reads
		hint                        bool   // what the hint says to type on the node makes it work
	}{
		{"sudo without a rule", "", "sudo", "", `run as root with sudo -n as user ops: sudo refused: sudo: a password is required`, true},
		{"sudo with a rule for sh alone", "echo 'ops ALL=(root) NOPASSWD: /usr/bin/sh' >/etc/sudoers.d/zup", "sudo", "", "", false},
		{"sudo with requiretty", "echo 'ops ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/zup; sed -i '1i Defaults requiretty' /etc/sudoers", "sudo", "", `you must have a tty to run sudo`, true},
		{"sudo with noexec", "echo 'ops ALL=(root) NOPASSWD: NOEXEC: ALL' >/etc/sudoers.d/zup", "sudo", "", `sudo lets nothing be started`, true},
		{"sudo that is not installed", "mv /usr/bin/sudo /run/sudo.away", "sudo", "", `sudo refused: .*sudo.*(not found|No such file)`, false},
		{"sudo whose rules are broken", "echo 'ops ALL=(root' >/etc/sudoers.d/zup", "sudo", "", `as user ops: `, false},

		{"a password", rule, "sudo-password", opsPassword, "", false},
		{"a password, with the lecture each time", rule + "; echo 'Defaults lecture=always, timestamp_timeout=0' >>/etc/sudoers", "sudo-password", opsPassword, "", false},
		{"a password, without a terminal for what runs", rule + "; echo 'Defaults !use_pty, passwd_tries=1' >>/etc/sudoers", "sudo-password", opsPassword, "", false},
		{"a password, where sudo writes down what is typed", rule + "; echo 'Defaults log_input, log_output, iolog_dir=/run/sudo-io' >>/etc/sudoers", "sudo-password", opsPassword, "", false},
		{"a password, where sudo asks in its own words", rule + `; echo 'Defaults passprompt_override, passprompt="%p, who are you? "' >>/etc/sudoers`, "sudo-password", opsPassword, "", false},
		{"a password that nobody wants", "echo 'ops ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/zup", "sudo-password", "never asked", "", false},
		{"a password without a terminal", rule, "sudo-password", "", `there is no terminal to ask for it`, false},
		{"a wrong password", rule, "sudo-password", "CANARY-wrong", `run as root with sudo as user ops: the password is not that of ops there`, false},
		{"a wrong password, at the first and last try", rule + "; echo 'Defaults passwd_tries=1' >>/etc/sudoers", "sudo-password", "CANARY-wrong", `the password is not that of ops there`, false},
		{"a password and no rule", "", "sudo-password", opsPassword, `ops is not in the sudoers file`, true},
		{"a password and another rule", "echo 'ops ALL=(root) /usr/bin/id' >/etc/sudoers.d/zup", "sudo-password", opsPassword, `the rule that sudo there has for ops does not allow what zup runs, which is sh`, true},
		{"a password and requiretty", rule + "; sed -i '1i Defaults requiretty' /etc/sudoers", "sudo-password", opsPassword, `you must have a tty to run sudo`, true},
		{"an account that has expired", rule + "; chage -E 0 ops", "sudo-password", opsPassword, `the key was accepted, but the account has expired`, false},
		{"an account that has expired for sudo alone", rule + "; chage -E 0 ops; sed -i 's/^@include common-account/account required pam_permit.so/' /etc/pam.d/sshd", "sudo-password", opsPassword, `the account ops has expired there, or is locked: sudo: `, false},
		{"a password that has expired", rule + "; chage -d 0 ops", "sudo-password", opsPassword, `password (of ops )?has expired`, false},
		{"a password that has expired for sudo alone", rule + "; chage -d 0 ops; sed -i 's/^@include common-account/account required pam_permit.so/' /etc/pam.d/sshd", "sudo-password", opsPassword, `the password of ops has expired there: `, false},
		{"a second factor of sudo", rule + "; sed -i '1i auth required pam_echo.so file=/run/factor' /etc/pam.d/sudo; printf 'Verification code:' >/run/factor", "sudo-password", opsPassword, "", false},

		{"doas without a configuration", "", "doas", "", `run as root with doas -n as user ops: `, true},
		{"doas without a rule", "echo 'permit nopass nobody as root' >/etc/doas.conf", "doas", "", `doas there has no rule for ops that allows what zup runs, which is sh`, true},
		{"doas with a rule for something else", "echo 'permit nopass ops as root cmd id' >/etc/doas.conf", "doas", "", `doas there has no rule for ops`, true},
		{"doas that wants a password", "echo 'permit ops as root' >/etc/doas.conf", "doas", "", `doas -n as user ops: `, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &becomingNode{&readerNode{t, n.zup, n.dir, n.home}}
			n.must(freshOps + c.before)
			version, said := n.reads(c.become, c.typed)
			if c.err == "" {
				if version != "6.1.19" {
					t.Errorf("version %q: %s", version, said)
				}
				return
			}
			if version != "" || !regexp.MustCompile(c.err).MatchString(said) {
				t.Errorf("version %q: %s", version, said)
			}
			if !c.hint {
				return
			}
			command := regexp.MustCompile(`echo '[^']+' >>?/\S+`).FindString(n.hint())
			if command == "" {
				t.Fatalf("no command in the hint: %s", n.hint())
			}
			n.must(command + "; [ ! -e /etc/sudoers.d/zup ] || visudo -cf /etc/sudoers")
			if version, said = n.reads(c.become, c.typed); version != "6.1.19" {
				t.Errorf("after %s: version %q: %s", command, version, said)
			}
		})
	}
	t.Run("interrupted while it asks", func(t *testing.T) {
		n := &becomingNode{&readerNode{t, n.zup, n.dir, n.home}}
		n.must(freshOps + rule)
		n.reads("sudo-password", "")
		screen := n.onTerminal("sh -c 'trap : INT; "+n.zup+" plan; echo ended with $?; stty -a'", "\x03")
		if !strings.Contains(screen, "ended with 130") || !regexp.MustCompile(`[ ;]echo `).MatchString(screen) {
			t.Errorf("%s", screen)
		}
	})
	left, _ := n.sh("grep -rsl CANARY /run /var/lib/zup /var/lib/ops " + n.dir + " " + n.home)
	if left != "" {
		t.Errorf("the password is in %s", left)
	}
	if t.Failed() {
		t.Log(n.sh("tail -n 30 /run/sshd.log"))
	}
}

// hint is what zup plan advises.
func (n *becomingNode) hint() string {
	return strings.Join(strings.Fields(n.onTerminal(n.zup+" plan", opsPassword+"\n")), " ")
}
