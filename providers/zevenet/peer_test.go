package zevenet

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// askPeer asks a peer that is no node but a login shell of this machine, with files of its
// own, in the way of sshd: bash, which reads what bash reads for ssh.
func (s *sandbox) askPeer(login string) string {
	s.t.Helper()
	s.write("root/config/cluster.conf", clusterConf)
	s.program("programs/ssh", `for last; do :; done
export HOME=`+quote(s.path("home"))+` SSH_CLIENT='192.0.2.1 1 22'; unset SHLVL
`+login)
	got := s.withPrograms(family[0], "peer_ssh")["peer_ssh"]
	host, _ := os.Hostname()
	return strings.ReplaceAll(strings.ReplaceAll(got, s.path("home"), "HOME"), host, "PEER")
}

// What a login shell says, on either stream, before, meanwhile and after, is not the peer's
// name, and does not hide that it is the peer; what it says on standard output would be
// taken for an answer by the product, so its file is named.
func TestLoginShellsTalkIsNotTheAnswer(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		if os.Getenv("ZUP_CI") != "" {
			t.Fatal("needs bash")
		}
		t.Skip("needs bash")
	}
	// The command becomes the shell's own process, as it does where the shell has nothing else to do.
	const bash = `exec bash --norc -c '. ~/.bashrc
[ -n "$(trap)" ] || SHLVL=0 exec sh -c "$1"
eval "$1"' bash "$last"`
	for name, tt := range map[string]struct{ bashrc, login, want string }{
		"silent":                {"", bash, "ok PEER"},
		"stty":                  {"stty erase ^H", bash, "ok PEER"},
		"standard error":        {"echo welcome >&2; echo 'Connection reset by peer' >&2", bash, "ok PEER"},
		"error, no line feed":   {"printf welcome >&2", bash, "ok PEER"},
		"error after":           {"trap 'echo bye >&2' EXIT", bash, "ok PEER"},
		"much on error":         {"yes error | head -c 1000000 >&2", bash, "ok PEER"},
		"only with a terminal":  {"case $- in *i*) echo welcome ;; esac", bash, "ok PEER"},
		"before":                {"echo welcome to the node", bash, "prints PEER HOME/.bashrc welcome to the node"},
		"before, no line feed":  {"printf welcome", bash, "prints PEER HOME/.bashrc welcome"},
		"an empty line":         {"echo", bash, "prints PEER HOME/.bashrc (an empty line)"},
		"blanks":                {"printf '  '", bash, "prints PEER HOME/.bashrc (an empty line)"},
		"both streams":          {"echo out; echo error >&2", bash, "prints PEER HOME/.bashrc out"},
		"after":                 {"trap 'echo bye' EXIT", bash, "prints PEER HOME/.bashrc bye"},
		"after, no line feed":   {"trap 'printf bye' EXIT", bash, "prints PEER HOME/.bashrc bye"},
		"meanwhile":             {"trap 'echo traced' DEBUG", bash, "prints PEER HOME/.bashrc traced"},
		"the name of another":   {"echo other-node", bash, "prints PEER HOME/.bashrc other-node"},
		"its own name":          {"uname -n", bash, "prints PEER HOME/.bashrc PEER"},
		"the command":           {`echo "$1"`, bash, `prints PEER HOME/.bashrc`},
		"escapes":               {`printf '\033]0;x\007\n'`, bash, "prints PEER HOME/.bashrc ?]0;x?"},
		"much":                  {"yes noise | head -c 1000000", bash, "prints PEER HOME/.bashrc noise"},
		"another status":        {"trap 'exit 3' EXIT", bash, "ends PEER 3"},
		"no command":            {"echo 'This account is not available'; exit 1", bash, "failed its login shell ran no command (exit status 1): This account is not available"},
		"no command, silent":    {"exit 0", bash, "failed its login shell ran no command (exit status 0):"},
		"nobody knows the file": {"", "echo banner; " + bash, "prints PEER - banner"},
		"a forced command":      {"", "export SSH_ORIGINAL_COMMAND=x; echo banner; " + bash, "prints PEER a-forced-command banner"},
		"ssh refused":           {"", "echo 'kex_exchange_identification: read: Connection reset by peer' >&2; exit 255", "refused"},
		"ssh timed out":         {"", "printf 'ssh: connect to host: Connection timed out\r\n' >&2; exit 255", "timeout ssh: connect to host: Connection timed out"},
		"ssh denied":            {"", "echo 'Permission denied (publickey).' >&2; exit 255", "failed Permission denied (publickey)."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			if err := os.MkdirAll(s.path("home"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(s.path("home"), ".bashrc"), []byte(tt.bashrc+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			if got := s.askPeer(tt.login); got != tt.want && !(name == "the command" && strings.HasPrefix(got, tt.want)) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
