package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"zup/providers/reader"
	"zup/providers/ssh"
)

// A reader's script of one edition is always the same: when it changes, the edition is
// raised (ssh.ReaderEdition), so that a zup can tell an older one from a newer one.
func TestReaderEditionIsThatOfItsScript(t *testing.T) {
	const golden = "testdata/reader.edition"
	sum := sha256.Sum256([]byte(reader.Reader{User: "u", Products: readable(), Version: "0"}.Script()))
	now := fmt.Sprintf("%d %s\n", ssh.ReaderEdition, hex.EncodeToString(sum[:]))
	if *updateScripts {
		if err := os.WriteFile(golden, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	was, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if now != string(was) {
		t.Errorf("the reader's script has changed: raise ssh.ReaderEdition if an edition %s was released, and write %s with -update", strings.Fields(string(was))[0], golden)
	}
}

// TestNodeOfAReader installs a reader on a node that is this machine in namespaces, with
// its own sshd and sudo, and tries there what a key that may only read can do: see
// TestOnTheNode.
func TestNodeOfAReader(t *testing.T) {
	inNamespaces(t, "TestOnTheNode", "/usr/sbin/sshd", "/usr/bin/sudo", "/usr/sbin/visudo", "/usr/sbin/keepalived", "/usr/bin/unshare", "/usr/sbin/useradd", "/usr/bin/gcc")
}

// inNamespaces builds zup and runs another test of this package in namespaces of its own,
// where it finds the program in $ZUP_ON_THE_NODE.
func inNamespaces(t *testing.T, test string, programs ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds zup")
	}
	var lacks []string
	for _, program := range programs {
		if _, err := os.Stat(program); err != nil {
			lacks = append(lacks, program)
		}
	}
	if os.Getuid() != 0 {
		lacks = append(lacks, "root")
	}
	if lacks != nil && os.Getenv("ZUP_CI") == "1" {
		t.Fatal("needs ", strings.Join(lacks, ", "))
	}
	if lacks != nil {
		t.Skip("needs ", strings.Join(lacks, ", "))
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "zup")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command("unshare", "-m", "-n", "-p", "-u", "-f", "--kill-child", "--mount-proc", self, "-test.run=^"+test+"$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), "ZUP_ON_THE_NODE="+binary, "SSH_AUTH_SOCK=")
	out, err := cmd.CombinedOutput()
	if t.Log(string(out)); err != nil {
		t.Error(err)
	}
	if !strings.Contains(string(out), "--- PASS: "+test+"/") {
		t.Error("nothing was tried")
	}
}

// node is this machine in namespaces.
type readerNode struct {
	*testing.T
	zup  string // the program
	dir  string // where zup's configurations and keys are
	home string
}

// begin makes a node of the namespaces: disks of its own over this machine's, a product
// that is there as far as its files go, keepalived, sshd.
const beginNode = `
set -e
mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /run/sshd
for dir in etc var/lib usr/local root; do
	at=/run/disk/$(echo "$dir" | tr / -)
	mkdir -p "$at/upper" "$at/work"
	mount -t overlay overlay -o "lowerdir=/$dir,upperdir=$at/upper,workdir=$at/work" "/$dir"
done
mount -t tmpfs tmpfs /var/lib/apt/lists
hostname zva5n1 && echo 127.0.1.1 zva5n1 >>/etc/hosts
ip link set lo up
ip link add ve0 type veth peer name ve1 && ip addr add 198.51.100.1/24 dev ve0 && ip link set ve0 up && ip link set ve1 up
mkdir -p /usr/local/zevenet/bin /usr/local/zevenet/config/local /usr/local/zevenet/www /etc/keepalived
cd /usr/local/zevenet
printf '$version="6.1.19";\n' >config/global.conf
printf 'addr=192.0.2.10\nstatus=up\n' >config/if_ve0:1_conf
for program in enterprise.bin zcluster-manager zenbackup.pl; do printf '#!/bin/sh\n' >bin/$program && chmod 755 bin/$program; done
printf '#!/bin/sh\ncase $1 in\n-i) echo installs ;;\n-n) echo 0 ;;\nesac\n' >bin/checkupgrades && chmod 755 bin/checkupgrades
printf 'sshd: 203.0.113.9\n' >/etc/hosts.deny
cat >/etc/keepalived/keepalived.conf <<'END'
vrrp_instance ZCluster {
	interface ve0
	virtual_router_id 1
	priority 50
	advert_int 200
	unicast_src_ip 198.51.100.1
	unicast_peer {
		198.51.100.2
	}
}
END
keepalived -n -l -p /run/k.pid -r /run/v.pid >/run/keepalived.log 2>&1 &
until grep -qs 'Entering BACKUP' /run/keepalived.log; do sleep 0.05; done
ssh-keygen -q -t ed25519 -N '' -f /run/host_key
cat >/run/sshd_config <<END
Port 2222
ListenAddress 127.0.0.1
HostKey /run/host_key
UsePAM yes
AcceptEnv *
PermitRootLogin yes
PermitTunnel yes
X11Forwarding yes
GatewayPorts yes
PermitTTY yes
Subsystem sftp /usr/lib/openssh/sftp-server
Match User root
	AuthorizedKeysFile /run/root_keys
END
/usr/sbin/sshd -f /run/sshd_config -E /run/sshd.log
`

// sh runs a script as root of the node.
func (n *readerNode) sh(script string) (string, error) {
	cmd := exec.Command("sh", "-c", script)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (n *readerNode) must(script string) string {
	n.Helper()
	out, err := n.sh(script)
	if err != nil {
		n.Fatalf("%s: %v\n%s", script, err, out)
	}
	return out
}

// run runs zup in a directory.
func (n *readerNode) run(args ...string) (stdout, stderr string, status int) {
	n.Helper()
	cmd := exec.Command(n.zup, args...)
	var out, errs strings.Builder
	cmd.Dir, cmd.Stdout, cmd.Stderr = n.dir, &out, &errs
	cmd.Env = []string{"HOME=" + n.home, "PATH=/usr/bin:/bin"}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		n.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// as says who logs in from now on, as ~/.ssh/config says it.
func (n *readerNode) as(user, key string) {
	n.Helper()
	text := fmt.Sprintf("Host *\n User %s\n IdentityFile %s\n IdentitiesOnly yes\n", user, filepath.Join(n.dir, key))
	if err := os.WriteFile(filepath.Join(n.home, ".ssh", "config"), []byte(text), 0o600); err != nil {
		n.Fatal(err)
	}
}

// facts are what zup status -json says of the node, without what time does to it.
func (n *readerNode) facts() map[string]string {
	n.Helper()
	out, errs, _ := n.run("status", "-json")
	var s statusReport
	if err := json.Unmarshal([]byte(out), &s); err != nil || len(s.Clusters) != 1 || s.Clusters[0].Nodes[0].Error != "" {
		n.Fatalf("%v\n%s%s", err, out, errs)
	}
	facts := s.Clusters[0].Nodes[0].Facts
	for _, moving := range []string{"time", "skew", "disk", "updates"} {
		delete(facts, moving)
	}
	return facts
}

// TestOnTheNode runs inside of TestNodeOfAReader.
func TestOnTheNode(t *testing.T) {
	binary := os.Getenv("ZUP_ON_THE_NODE")
	if binary == "" {
		t.Skip("TestNodeOfAReader runs it")
	}
	n := &readerNode{t, binary, t.TempDir(), t.TempDir()}
	n.must(beginNode)
	n.must("cd " + n.dir + " && for key in root reader; do ssh-keygen -q -t ed25519 -N '' -f $key -C $key@example; done && cp root.pub /run/root_keys && mkdir -p " + n.home + "/.ssh")
	hostKey := strings.Fields(n.must("cat /run/host_key.pub"))
	n.must(fmt.Sprintf("echo '[127.0.0.1]:2222 %s %s' >%s/.ssh/known_hosts", hostKey[0], hostKey[1], n.home))
	if err := os.WriteFile(filepath.Join(n.dir, "edge.zup.hcl"), []byte(`cluster "zevenet" "edge" {
  version = "6.1.20"
  node "zva5n1" {
    address = "127.0.0.1"
    ssh { port = 2222 }
  }
}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name string
		run  func(*readerNode)
	}{
		{"install", (*readerNode).install}, {"reads what root reads", (*readerNode).reads}, {"zup changes nothing", (*readerNode).changesNothing},
		{"the node refuses", (*readerNode).refuses}, {"sshd refuses channels", (*readerNode).refusesChannels}, {"requests", (*readerNode).refusesRequests},
		{"environment", (*readerNode).environment}, {"the account", (*readerNode).account}, {"other editions", (*readerNode).editions}, {"remove", (*readerNode).remove},
		{"install refuses", (*readerNode).installRefuses},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.run(&readerNode{t, n.zup, n.dir, n.home})
			if pwned, _ := filepath.Glob("/run/pwned*"); pwned != nil {
				t.Fatalf("it did: %q", pwned)
			}
		})
		if t.Failed() {
			t.Log(n.sh("tail -n 30 /run/sshd.log"))
			t.FailNow()
		}
	}
}

// It is installed as its help says, and again.
func (n *readerNode) install() {
	for range 2 {
		if out := n.must(n.zup + " reader -key " + n.dir + "/reader.pub | sh"); out != "zup-reader edition 1 of zup "+version+" is installed; it reads as zup-reader with 1 key.\n" {
			n.Errorf("%s", out)
		}
	}
	for path, want := range map[string]string{
		"/usr/local/lib/zup": "755 root:root directory", "/usr/local/lib/zup/reader": "755 root:root regular file", "/etc/sudoers.d/zup-reader": "440 root:root regular file",
		"/var/lib/zup-reader": "755 root:root directory", "/var/lib/zup-reader/.ssh": "755 root:root directory", "/var/lib/zup-reader/.ssh/authorized_keys": "644 root:root regular file",
	} {
		if got := strings.TrimSpace(n.must("stat -c '%a %U:%G %F' " + path)); got != want {
			n.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	n.must("visudo -c")
	for part, path := range map[string]string{"script": "/usr/local/lib/zup/reader", "sudoers": "/etc/sudoers.d/zup-reader", "authorized_keys -key " + n.dir + "/reader.pub": "/var/lib/zup-reader/.ssh/authorized_keys"} {
		n.must(n.zup + " reader -part " + part + " | cmp - " + path)
	}
}

// plan, status and init read with it what they read as root, and judge it the same.
func (n *readerNode) reads() {
	n.as("root", "root")
	asRoot := n.facts()
	planned, refused, code := n.run("plan")
	n.as("zup-reader", "reader")
	got := n.facts()
	for _, name := range slices.Sorted(maps.Keys(asRoot)) {
		if got[name] != asRoot[name] {
			n.Errorf("%s is %q, for root it is %q", name, got[name], asRoot[name])
		}
	}
	for name, want := range map[string]string{"hostname": "zva5n1", "uid": "0", "vrrp": "BACKUP", "priority": "50", "version": "6.1.19", "vips": "192.0.2.10", "lock": "free", "product": "yes", "updater": "install"} {
		if got[name] != want {
			n.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	planned2, refused2, code2 := n.run("plan")
	if planned != planned2 || refused != refused2 || code != code2 {
		n.Errorf("plan says %d\n%s%s\nand as root %d\n%s%s", code2, planned2, refused2, code, planned, refused)
	}
	if out, errs, code := n.run("init", "-chdir", n.TempDir(), "-from", "zup-reader@127.0.0.1:2222"); code != 0 || !strings.Contains(out, "Wrote ") {
		n.Errorf("init: %d %s%s", code, out, errs)
	}
	// A key of root's own can be one that only reads.
	n.must("cp /run/root_keys /run/kept && cp /var/lib/zup-reader/.ssh/authorized_keys /run/root_keys")
	n.as("root", "reader")
	if planned2, refused2, code2 = n.run("plan"); planned != planned2 || refused != refused2 || code != code2 {
		n.Errorf("plan with a key of root's that only reads says %d\n%s%s", code2, planned2, refused2)
	}
	if _, errs, code := n.run("apply", "-auto-approve"); code != 1 || !strings.Contains(errs, "this key may only read; nothing was changed") {
		n.Errorf("apply: %d %s", code, errs)
	}
	n.must("mv /run/kept /run/root_keys")
	n.as("zup-reader", "reader")
	// Who has the lock is said too.
	hold := exec.Command("flock", "-x", "/run/zup.lock", "sh", "-c", "printf 'token\\n-\\nanna@there, process 7\\n2026-01-01T00:00:00Z\\nzup apply\\n' >/run/zup.lock; sleep 60")
	hold.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := hold.Start(); err != nil {
		n.Fatal(err)
	}
	n.must("until [ -s /run/zup.lock ]; do sleep 0.01; done")
	if out, _, _ := n.run("status"); !strings.Contains(out, "anna@there, process 7 is at work on zva5n1") {
		n.Errorf("%s", out)
	}
	syscall.Kill(-hold.Process.Pid, syscall.SIGKILL)
	hold.Wait()
	n.must("rm -f /run/zup.lock")
}

// What changes something says what the key is for, before anything is begun.
func (n *readerNode) changesNothing() {
	n.as("zup-reader", "reader")
	_, errs, code := n.run("apply", "-auto-approve")
	if code != 1 || !strings.Contains(errs, "this key may only read; nothing was changed") || !strings.Contains(errs, "plan and status work with it; what changes something needs a key that gets in as root") {
		n.Errorf("apply: %d %s", code, errs)
	}
	if _, errs, code = n.run("unlock"); code != 1 || !strings.Contains(errs, "this key may only read") {
		n.Errorf("unlock: %d %s", code, errs)
	}
	if out, err := n.sh("ls -d /var/lib/zup /run/zup.lock " + n.dir + "/.zup"); err == nil {
		n.Errorf("something is there: %s", out)
	}
}

// ssh runs OpenSSH's client as the reader.
func (n *readerNode) ssh(stdin string, args ...string) (string, int) {
	n.Helper()
	options := []string{"-F", "none", "-p", "2222", "-i", n.dir + "/reader", "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + n.home + "/.ssh/known_hosts", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes"}
	cmd := exec.Command("ssh", append(options, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		n.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// bootstrap is what zup runs in every session.
const readerBootstrap = `sudo -n sh -c 'read -r m n r && echo "$m" && z=$(head -c "$n") && case $z in (*"$m") eval "$z";; (*) exit 125;; esac' zup`

const readerMark = "zup-0123456789abcdef"

func (n *readerNode) refuses() {
	const host = "zup-reader@127.0.0.1"
	script := "touch /run/pwned\n#" + readerMark
	for name, tt := range map[string]struct {
		stdin string
		args  []string
		want  string // of what it says
		code  int
	}{
		"a shell":                   {"touch /run/pwned\n", []string{host}, "this key may only read, by zup plan and zup status: no shell", 77},
		"a shell with a terminal":   {"touch /run/pwned\n", []string{"-tt", host}, "PTY allocation request failed", 255},
		"a command":                 {"", []string{host, "touch /run/pwned"}, "this key may only read", 77},
		"id":                        {"", []string{host, "id"}, "this key may only read", 77},
		"sudo":                      {"", []string{host, "sudo -n touch /run/pwned"}, "this key may only read", 77},
		"the reader, with words":    {"", []string{host, "sudo -n /usr/local/lib/zup/reader x"}, "this key may only read", 77},
		"a command that ends so":    {"", []string{host, "touch /run/pwned; : ' zup"}, "that is not a request of zup", 77},
		"a command and a request":   {readerMark + " 9 read 1 lock\n", []string{host, "touch /run/pwned; : ' zup"}, "zup-reader 1 1 " + version + " ok\nlock free", 0},
		"another script":            {fmt.Sprintf("%s %d\n%s", readerMark, len(script), script), []string{host, readerBootstrap}, "this key may only read", 77},
		"another script, beside":    {fmt.Sprintf("%s %d read 1 lock\n%s", readerMark, len(script), script), []string{host, readerBootstrap}, "ok\nlock free 0 -1 -", 0},
		"scp's program":             {"", []string{host, "scp -t /run/pwned"}, "this key may only read", 77},
		"sftp's program":            {"", []string{host, "/usr/lib/openssh/sftp-server"}, "this key may only read", 77},
		"sftp's subsystem":          {"", []string{"-s", host, "sftp"}, "", 77},
		"rsync":                     {"", []string{host, "rsync --server . /run/pwned"}, "this key may only read", 77},
		"to elsewhere (-W)":         {"", []string{"-W", "127.0.0.1:2222", host}, "administratively prohibited", 255},
		"from there (-R)":           {"", []string{"-R", "9001:127.0.0.1:22", host}, "remote port forwarding failed", 255},
		"a socket from there (-R)":  {"", []string{"-R", "/run/pwned:127.0.0.1:22", host}, "remote port forwarding failed", 255},
		"a tunnel (-w)":             {"", []string{"-w", "any", host}, "", 255},
		"another account":           {"", []string{"-l", "root", "127.0.0.1", "id"}, "Permission denied", 255},
		"line feeds in the command": {"", []string{host, "id\ntouch /run/pwned\n' zup"}, "that is not a request of zup", 77},
	} {
		if out, code := n.ssh(tt.stdin, tt.args...); code != tt.code || !strings.Contains(out, tt.want) {
			n.Errorf("%s: status %d: %s", name, code, out)
		}
	}
	n.must("echo secret >/run/secret && chmod 644 /run/secret")
	for name, command := range map[string]string{
		"sftp":     "echo 'get /run/secret pwned' | sftp -b - -F none -P 2222 -i %[1]s/reader -o UserKnownHostsFile=%[2]s/.ssh/known_hosts zup-reader@127.0.0.1",
		"scp from": "scp -F none -P 2222 -i %[1]s/reader -o UserKnownHostsFile=%[2]s/.ssh/known_hosts zup-reader@127.0.0.1:/run/secret pwned",
		"scp to":   "scp -F none -P 2222 -i %[1]s/reader -o UserKnownHostsFile=%[2]s/.ssh/known_hosts /etc/hostname zup-reader@127.0.0.1:/run/pwned",
		"scp -O":   "scp -O -F none -P 2222 -i %[1]s/reader -o UserKnownHostsFile=%[2]s/.ssh/known_hosts zup-reader@127.0.0.1:/run/secret pwned",
	} {
		if out, err := n.sh("cd " + n.dir + " && " + fmt.Sprintf(command, n.dir, n.home)); err == nil {
			n.Errorf("%s: %s", name, out)
		}
	}
	if _, err := os.Stat(filepath.Join(n.dir, "pwned")); err == nil {
		n.Error("a file was fetched")
	}
	// A forwarding from here is opened when somebody uses it, and refused by the node then.
	// root's key may have it.
	for user, want := range map[string]bool{"root": true, "zup-reader": false} {
		if got := n.forwarded(user, "-L", "9002:127.0.0.1:2222", nil); got != want {
			n.Errorf("-L as %s: %t", user, got)
		}
		if got := n.forwarded(user, "-D", "9002", []byte("\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x08\xae")); got != want {
			n.Errorf("-D as %s: %t", user, got)
		}
	}
}

// forwarded reports whether a connection to the port 9002 here reaches the node's sshd.
func (n *readerNode) forwarded(user, how, what string, first []byte) bool {
	n.Helper()
	key := map[string]string{"root": "root", "zup-reader": "reader"}[user]
	cmd := exec.Command("ssh", "-F", "none", "-N", "-p", "2222", "-i", n.dir+"/"+key, "-o", "UserKnownHostsFile="+n.home+"/.ssh/known_hosts", "-o", "ExitOnForwardFailure=yes", how, what, user+"@127.0.0.1")
	if err := cmd.Start(); err != nil {
		n.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		c, err := net.Dial("tcp", "127.0.0.1:9002")
		if err != nil {
			continue
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		c.Write(first)
		got, _ := io.ReadAll(io.LimitReader(c, int64(30)))
		return strings.Contains(string(got), "SSH-2.0")
	}
	n.Fatalf("ssh %s does not listen", how)
	return false
}

// client is a client that asks for what OpenSSH's would not.
func (n *readerNode) client() *gossh.Client {
	n.Helper()
	text, err := os.ReadFile(filepath.Join(n.dir, "reader"))
	if err != nil {
		n.Fatal(err)
	}
	signer, err := gossh.ParsePrivateKey(text)
	if err != nil {
		n.Fatal(err)
	}
	c, err := gossh.Dial("tcp", "127.0.0.1:2222", &gossh.ClientConfig{User: "zup-reader", Auth: []gossh.AuthMethod{gossh.PublicKeys(signer)}, HostKeyCallback: gossh.InsecureIgnoreHostKey()})
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { c.Close() })
	return c
}

// What sshd itself could give is refused by sshd: the key is restricted.
func (n *readerNode) refusesChannels() {
	c := n.client()
	for name, try := range map[string]func(s *gossh.Session) error{
		"a terminal":       func(s *gossh.Session) error { return s.RequestPty("xterm", 24, 80, nil) },
		"agent forwarding": agent.RequestAgentForwarding,
		"X11 forwarding": func(s *gossh.Session) error {
			ok, err := s.SendRequest("x11-req", true, gossh.Marshal(struct {
				Single           bool
				Protocol, Cookie string
				Screen           uint32
			}{false, "MIT-MAGIC-COOKIE-1", strings.Repeat("0", 32), 0}))
			if err == nil && !ok {
				err = errors.New("denied")
			}
			return err
		},
	} {
		s, err := c.NewSession()
		if err != nil {
			n.Fatal(err)
		}
		if err := try(s); err == nil {
			n.Errorf("%s is granted", name)
		}
		s.Close()
	}
	for name, try := range map[string]func() error{
		"a connection to elsewhere":    func() error { _, err := c.Dial("tcp", "127.0.0.1:2222"); return err },
		"a connection to a socket":     func() error { _, err := c.Dial("unix", "/run/dbus/system_bus_socket"); return err },
		"a port that is listened at":   func() error { _, err := c.Listen("tcp", "127.0.0.1:9004"); return err },
		"a socket that is listened at": func() error { _, err := c.Listen("unix", "/run/pwned.sock"); return err },
		"a tunnel": func() error {
			_, _, err := c.OpenChannel("tun@openssh.com", gossh.Marshal(struct{ Mode, Unit uint32 }{1, 0x7fffffff}))
			return err
		},
	} {
		if err := try(); err == nil {
			n.Errorf("%s is granted", name)
		}
	}
}

// Requests that are none are refused, quickly, whatever they are made of.
func (n *readerNode) refusesRequests() {
	digest := readable()[0]
	for _, p := range readable() {
		if p.Name == "zevenet" {
			digest = p
		}
	}
	facts := readerMark + " 9 read 1 facts zevenet " + digest.Digest()
	for _, request := range []string{
		facts + " role; touch /run/pwned", facts + " $(touch /run/pwned)", facts + " `touch /run/pwned`", facts + " role\ntouch /run/pwned\n", facts + " role | touch /run/pwned", facts + " ../../run/pwned", facts + " '; touch /run/pwned; '",
		facts + " rebooted", facts + " image", facts, facts + " " + strings.Repeat("role ", 300_000), facts + " " + strings.Repeat("a", 1<<20), strings.Repeat("A", 64<<20),
		readerMark + " 9 read 1 facts zevenet " + strings.Repeat("0", 64) + " role", readerMark + " 9 read 1 clear", readerMark + " 9 read 1 hold", readerMark + " 9 read 7 lock", readerMark + " 9", "",
	} {
		if request == facts+" role\ntouch /run/pwned\n" {
			if out, code := n.ssh(request, "zup-reader@127.0.0.1", readerBootstrap); code != 0 || !strings.HasSuffix(out, "ok\nrole=none\nend\n") {
				n.Errorf("%.200q: status %d %.300s", request, code, out)
			}
			continue
		}
		if out, code := n.ssh(request+"\n", "zup-reader@127.0.0.1", readerBootstrap); code != 77 && code != 78 || strings.Contains(out, " ok\n") {
			n.Errorf("%.200q: status %d %.300s", request, code, out)
		}
	}
	if out := n.must("ps -e -o args= | grep -c '[/]usr/local/lib/zup/reader' || true"); out != "0\n" {
		n.Errorf("%s of the reader's processes are left", out)
	}
}

// What the client sends as environment changes nothing that runs as root, although this
// sshd takes all of it.
func (n *readerNode) environment() {
	n.must(`mkdir -p /run/evil && chmod 755 /run/evil && cd /run/evil
printf '#!/bin/sh\ntouch /run/pwned-$(/usr/bin/id -u)\nexec /usr/bin/"${0##*/}" "$@"\n' >sudo
for program in id sh head timeout perl stat awk env; do cp sudo $program; done
chmod 755 *
echo 'touch /run/pwned-env' >rc
mkdir lib && printf 'package Evil; system "touch /run/pwned-perl"; 1;\n' >lib/Evil.pm`)
	send := map[string]string{
		"PATH": "/run/evil", "ENV": "/run/evil/rc", "BASH_ENV": "/run/evil/rc", "SHELLOPTS": "xtrace", "PS4": "$(touch /run/pwned-ps4)", "IFS": "z", "PERL5OPT": "-MEvil", "PERL5LIB": "/run/evil/lib", "HOME": "/run/evil",
		"SSH_ORIGINAL_COMMAND": "x ' zup", "SUDO_ASKPASS": "/run/evil/sh", "SUDO_EDITOR": "/run/evil/sh", "TMPDIR": "/run/evil", "LD_LIBRARY_PATH": "/run/evil", "BASH_FUNC_id%%": "() { touch /run/pwned-func; }", "ZUP_PROGRAM": "system 'touch /run/pwned-program'",
	}
	c := n.client()
	s, err := c.NewSession()
	if err != nil {
		n.Fatal(err)
	}
	for name, value := range send {
		if err := s.Setenv(name, value); err != nil {
			n.Errorf("%s is not taken: %v", name, err)
		}
	}
	var out strings.Builder
	s.Stdout, s.Stderr = &out, &out
	s.Stdin = strings.NewReader(readerMark + " 9 read 1 facts zevenet " + digestOf("zevenet") + " vrrp hostname uid lock\n")
	if err := s.Run(readerBootstrap); err != nil || !strings.HasSuffix(out.String(), "ok\nvrrp=BACKUP\nhostname=zva5n1\nuid=0\nlock=free\nend\n") {
		n.Errorf("%v: %s", err, &out)
	}
	// A library that is preloaded can do what the account can, where a node takes
	// LD_PRELOAD from clients and has such a library; it is not in what runs as root.
	library := "/run/evil/evil.so"
	if out, err := n.sh(`printf '#include <fcntl.h>\n#include <stdio.h>\n#include <unistd.h>\n__attribute__((constructor)) void f(void) { char name[64]; sprintf(name, "/run/seen/%%d", (int)geteuid()); open(name, O_CREAT | O_WRONLY, 0644); }\n' | gcc -shared -fPIC -x c -o ` + library + ` - && mkdir -m 777 /run/seen`); err != nil {
		n.Fatal(err, out)
	}
	s, err = c.NewSession()
	if err != nil {
		n.Fatal(err)
	}
	if err := s.Setenv("LD_PRELOAD", library); err != nil {
		n.Fatal(err)
	}
	out.Reset()
	s.Stdout, s.Stdin = &out, strings.NewReader(readerMark+" 9 read 1 lock\n")
	if err := s.Run(readerBootstrap); err != nil || !strings.Contains(out.String(), "ok\nlock free") {
		n.Errorf("%v: %s", err, &out)
	}
	if seen := n.must("ls /run/seen"); seen != strings.Fields(n.must("id -u zup-reader"))[0]+"\n" {
		n.Errorf("the library was in processes of the users %q", seen)
	}
}

func digestOf(product string) string {
	for _, p := range readable() {
		if p.Name == product {
			return p.Digest()
		}
	}
	return ""
}

// Whoever is the account, by whatever way, may run the reader without arguments as root,
// and may write to nothing that decides what it does.
func (n *readerNode) account() {
	as := func(command string) (string, error) {
		return n.sh("cd / && setpriv --reuid zup-reader --regid zup-reader --init-groups sh -c " + ssh.Quote(command) + " </dev/null")
	}
	for _, command := range []string{
		"sudo -n sh", "sudo -n id", "sudo -n /usr/local/lib/zup/reader x", "sudo -n /usr/local/lib/zup/reader ''", "sudo -n /usr/local/lib/zup/../zup/reader x", "sudo -n sh /usr/local/lib/zup/reader", "sudo -n -u nobody /usr/local/lib/zup/reader",
		"sudo -n -g root /usr/local/lib/zup/reader", "sudo -n -E /usr/local/lib/zup/reader", "sudo -n PATH=/run/evil /usr/local/lib/zup/reader", "sudo -n LD_PRELOAD=/run/evil/evil.so /usr/local/lib/zup/reader", "sudo -n --preserve-env=PERL5OPT /usr/local/lib/zup/reader",
		"sudo -n -s", "sudo -n -i", "sudo -n -e /etc/shadow", "sudo -n -D /tmp /usr/local/lib/zup/reader", "sudo -n -R / /usr/local/lib/zup/reader", "sudo -n -C 3 /usr/local/lib/zup/reader",
		"touch /var/lib/zup-reader/.profile", "echo x >>/var/lib/zup-reader/.ssh/authorized_keys", "mv /var/lib/zup-reader/.ssh /tmp/x", "ln -s /tmp /var/lib/zup-reader/.ssh/rc", "ln -sf /bin/sh /usr/local/lib/zup/reader",
		"touch /usr/local/lib/zup/x", "rm -f /etc/sudoers.d/zup-reader", "cat /etc/sudoers.d/zup-reader", "cat /etc/shadow", "touch /run/zup.lock",
	} {
		if out, err := as(command); err == nil {
			n.Errorf("%s: %s", command, out)
		}
	}
	// A copy that is called so has no rule; nor has one that is reached through a link.
	if out, err := as("mkdir -p /tmp/zz$$ && cp /bin/sh /tmp/zz$$/reader && sudo -n /tmp/zz$$/reader -c id"); err == nil {
		n.Errorf("a copy: %s", out)
	}
	if out, err := n.sh("su zup-reader -c id </dev/null"); err == nil && !strings.Contains(out, "uid=") {
		n.Error(out)
	}
	if shadow := n.must("getent shadow zup-reader"); !strings.HasPrefix(shadow, "zup-reader:*:") {
		n.Errorf("it has a password: %s", shadow)
	}
}

// One that is older than zup needs is said in words, with the command that replaces it; so
// is one that is newer, one that somebody has changed, and one that does not answer.
func (n *readerNode) editions() {
	n.as("zup-reader", "reader")
	const script = "/usr/local/lib/zup/reader"
	n.must("cp -p " + script + " /run/good")
	digest := digestOf("zevenet")
	other := "s/" + digest + "/" + strings.Repeat("0", 64) + "/"
	for name, tt := range map[string]struct{ change, says, hint string }{
		"older":    {"sed -i '" + other + "; s/zup-reader 1 1 " + regexp.QuoteMeta(version) + "/zup-reader 1 0 0.0.9/' " + script, `the reader on this node \(edition 0, of zup 0\.0\.9\) is older than this zup needs, which is edition 1`, `zup reader -key FILE\.pub \| ssh root@127\.0\.0\.1 sh`},
		"newer":    {"sed -i '" + other + "; s/zup-reader 1 1 " + regexp.QuoteMeta(version) + "/zup-reader 1 2 0.9.0/' " + script, `the reader on this node \(edition 2, of zup 0\.9\.0\) is newer than this zup, which knows edition 1`, `use the zup that it is of, or a later one`},
		"protocol": {"sed -i 's/zup-reader 1 1 " + regexp.QuoteMeta(version) + "/zup-reader 2 9 1.9.0/; s/read 1. . deny/read 2'\\'' || deny/' " + script, `the reader on this node \(edition 9, of zup 1\.9\.0\) is newer than this zup`, `use the zup that it is of`},
		"changed":  {"sed -i '" + other + "' " + script, `the reader on this node \(edition 1, of zup ` + regexp.QuoteMeta(version) + `\) has other facts than that edition: somebody has changed it`, `zup reader -key FILE\.pub`},
		"broken":   {"echo nonsense >" + script, `sudo refused: .*nonsense`, `zup reader -key FILE\.pub \| ssh root@NODE sh`},
		"no rule":  {"mv /etc/sudoers.d/zup-reader /run/rule", `the key may only read, and what reads there does not answer: .*sudo`, `zup reader -key FILE\.pub \| ssh root@127\.0\.0\.1 sh`},
		"garbage":  {`printf '#!/bin/sh\nread -r m r; echo "$m zup-reader 1 x y z"\n' >` + script, `the key may only read, and what reads there does not answer: it begins with "1 x y z`, `zup reader -key FILE\.pub`},
	} {
		n.must(tt.change)
		_, errs, code := n.run("plan")
		n.must("cp -p /run/good " + script + "; [ ! -e /run/rule ] || mv /run/rule /etc/sudoers.d/zup-reader")
		errs = strings.Join(strings.Fields(errs), " ")
		if code != 1 || !regexp.MustCompile(tt.says).MatchString(errs) || !regexp.MustCompile(tt.hint).MatchString(errs) || strings.Contains(errs, "NOPASSWD: ALL") {
			n.Errorf("%s: %d %s", name, code, errs)
		}
	}
	if facts := n.facts(); facts["vrrp"] != "BACKUP" {
		n.Errorf("afterwards it reads %v", facts)
	}
}

// All of it goes again, and what is somebody else's stays.
func (n *readerNode) remove() {
	n.must("touch /usr/local/lib/zup/mine")
	if out := n.must(n.zup + " reader -remove | sh"); !strings.Contains(out, "/usr/local/lib/zup stays") || !strings.Contains(out, "What zup reader had installed is gone.") {
		n.Errorf("%s", out)
	}
	n.must("rm /usr/local/lib/zup/mine")
	if out := n.must(n.zup + " reader -remove | sh"); out != "What zup reader had installed is gone.\n" {
		n.Errorf("%s", out)
	}
	if out, err := n.sh("ls -d /usr/local/lib/zup /var/lib/zup-reader /etc/sudoers.d/zup-reader || getent passwd zup-reader || getent group zup-reader"); err == nil || !strings.Contains(out, "No such file") {
		n.Errorf("left: %s", out)
	}
	n.must("visudo -c")
	if out, code := n.ssh("", "zup-reader@127.0.0.1", "id"); code != 255 || !strings.Contains(out, "Permission denied") {
		n.Errorf("the key still gets in: %d %s", code, out)
	}
}

// Where it could not be trusted, nothing is installed, and why is said.
func (n *readerNode) installRefuses() {
	install := n.zup + " reader -key " + n.dir + "/reader.pub"
	for name, tt := range map[string]struct{ before, how, after, want string }{
		"not root":                  {":", install + " | setpriv --reuid nobody --regid nogroup --clear-groups sh", ":", "this has to run as root; nothing was installed"},
		"everybody's /usr/local":    {"chmod 777 /usr/local", install + " | sh", "chmod 755 /usr/local", "somebody besides root may write to /usr/local; nothing was installed"},
		"somebody's /usr/local/lib": {"chown nobody /usr/local/lib", install + " | sh", "chown root /usr/local/lib", "somebody besides root may write to /usr/local/lib"},
		"a group's /usr/local":      {"chgrp staff /usr/local; chmod 2775 /usr/local; gpasswd -a nobody staff", install + " | sh", "gpasswd -d nobody staff; chmod 755 /usr/local; chgrp root /usr/local", "somebody besides root may write to /usr/local"},
		"a link for the folder":     {"mkdir /run/x; ln -s /run/x /usr/local/lib/zup", install + " | sh", "rm /usr/local/lib/zup", "/usr/local/lib/zup is not a folder of root's"},
		"a link for the home":       {"ln -s /run/x /var/lib/zup-reader", install + " | sh", "rm /var/lib/zup-reader", "/var/lib/zup-reader is not a folder of root's"},
		"an account of somebody's":  {"useradd -M zup-reader", install + " | sh", "userdel zup-reader", "there is an account zup-reader already, and it is not zup's"},
		"remove of somebody's":      {"useradd -M zup-reader", n.zup + " reader -remove | sh", "userdel zup-reader", "the account zup-reader is not zup's; nothing was removed"},
		"no sudo":                   {"mount --bind /dev/null /usr/sbin/visudo", install + " | sh", "umount /usr/sbin/visudo", "this node has no visudo"},
	} {
		n.must(tt.before)
		out, err := n.sh(tt.how)
		left, _ := n.sh("ls -d /usr/local/lib/zup/reader /var/lib/zup-reader/.ssh /etc/sudoers.d/zup-reader /run/x/* 2>/dev/null")
		n.must(tt.after)
		if err == nil || !strings.Contains(out, tt.want) || left != "" {
			n.Errorf("%s: %v %s\nleft: %s", name, err, out, left)
		}
	}
	// A group without members is nobody.
	n.must("chgrp staff /usr/local; chmod 2775 /usr/local")
	n.must(install + " | sh")
	n.must(n.zup + " reader -remove | sh")
}
