package ssh

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/crypto/ssh"

	"zup/providers/ssh/sshconfig"
)

var (
	update         = flag.Bool("update", false, "write what zup makes of testdata/configurations")
	configurations = flag.Int("configurations", 200, "how many generated configurations are compared with ssh -G")
)

// Each file of testdata/configurations is a configuration, the hosts to ask for, and what
// zup makes of it: "want". Where ssh is installed it is asked too: zup agrees, or refuses
// with file and line. "ssh refuses" in the comment permits zup to go where ssh does not,
// for a line in the block of another host. Add a file, and run this with -update.
func TestConfigurationsOfThePeople(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/configurations/*.txtar")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d configurations: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			d := newDialer(t)
			d.KnownHostsFiles = nil
			var want string
			a.Files = slices.DeleteFunc(a.Files, func(f txtar.File) bool {
				if f.Name == "want" {
					want = string(f.Data)
				}
				return f.Name == "want"
			})
			for _, f := range a.Files {
				text := strings.ReplaceAll(string(f.Data), "$HOME", d.Home)
				if err := os.WriteFile(filepath.Join(d.Home, f.Name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			d.ConfigFile = filepath.Join(d.Home, "config")
			comment := string(a.Comment)
			_, ask, _ := strings.Cut(comment, "ask: ")
			ask, _, _ = strings.Cut(ask, "\n")
			var got strings.Builder
			for _, host := range strings.Fields(ask) {
				fmt.Fprintf(&got, "%s: %s\n", host, strings.ReplaceAll(asked(t, d, host, strings.Contains(comment, "ssh refuses")), d.Home, "$HOME"))
			}
			if *update {
				a.Files = append(a.Files, txtar.File{Name: "want", Data: []byte(got.String())})
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got.String() != want {
				t.Errorf("got\n%swant\n%s", got.String(), want)
			}
		})
	}
}

// asked returns what zup makes of a host, and compares it with ssh.
func asked(t *testing.T, d *Dialer, host string, sshRefuses bool) string {
	t.Helper()
	var target Target
	name, address, ok := strings.Cut(host, "@")
	if !ok {
		name, address = "", host
	}
	target.Address, target.User = address, name
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	d.LocalUser = me.Username
	e, zupErr := d.resolve(t.Context(), target)
	compare(t, d, host, target, e, zupErr, sshRefuses)
	askingSSH(t, d, host, target, zupErr, sshRefuses)
	d.LocalUser = "me" // for what is kept in the file
	if e, zupErr = d.resolve(t.Context(), target); zupErr != nil {
		return "refused: " + zupErr.Error()
	}
	said := describe(e, d.Home)
	for _, more := range [][2]string{{"certificates", strings.Join(e.keys.certs, " ")}, {"agent", e.keys.agent}, {"revoked", e.revoked}, {"network", strings.TrimPrefix(e.network, "tcp")}} {
		if more[1] != "" {
			said += " " + more[0] + " " + more[1]
		}
	}
	if h := e.asksHosts; h != nil {
		full, _ := hostNames(e.knownAs)
		argv, err := h.expanded("HOSTNAME", full, nil)
		if err != nil {
			t.Error(err)
		}
		said += fmt.Sprintf(" asks %q", argv)
	}
	if e.checkIP {
		said += " checks the address"
	}
	if e.proxy != nil {
		said += " through the command " + e.proxy.command
	}
	if e.env != nil {
		said += " environment " + strings.Join(e.env, " ")
	}
	if e.from != nil {
		said += " from " + e.from.String()
	}
	if files := d.home() + "/.ssh/known_hosts"; e.knownHosts[0] != files || len(e.knownHosts) != 4 {
		said += " known hosts " + strings.Join(e.knownHosts, " ")
	}
	for _, l := range [][]string{e.algorithms.transport.KeyExchanges, e.algorithms.transport.Ciphers, e.algorithms.transport.MACs, e.algorithms.hostKeys} {
		if l != nil {
			said += " takes " + strings.Join(l, ",")
		}
	}
	return said
}

// askingSSH compares again with what zup does if it may ask ssh.
func askingSSH(t *testing.T, d *Dialer, host string, target Target, zupErr error, sshRefuses bool) {
	t.Helper()
	var undecided *sshconfig.UndecidedError
	program, err := exec.LookPath("ssh")
	if err != nil || !errors.As(zupErr, &undecided) {
		return
	}
	d.SSH = func() string { return program }
	defer func() { d.SSH, d.oracle = nil, nil }()
	e, err := d.resolve(t.Context(), target)
	var refused *ConfigError
	if errors.As(err, &refused) {
		return // of what ssh has said something is not followed, or ssh itself refuses
	}
	compare(t, d, host, target, e, err, sshRefuses)
	if err == nil {
		answeredBySSH.Add(1)
	}
}

var answeredBySSH atomic.Int64

var withLine = regexp.MustCompile(`^read \S+:[0-9]+: `)

// compare asks ssh the same. Without ssh on the machine there is nothing to compare with,
// and "want" says what has to come out.
func compare(t *testing.T, d *Dialer, host string, target Target, e *endpoint, zupErr error, sshRefuses bool) {
	t.Helper()
	program, err := exec.LookPath("ssh")
	if err != nil {
		return
	}
	if zupErr != nil {
		var refused *ConfigError
		if !errors.As(zupErr, &refused) || !withLine.MatchString(refused.Error()) {
			t.Errorf("%s: refused without file and line: %v", host, zupErr)
		}
		return
	}
	out, err := exec.Command(program, "-G", "-F", d.ConfigFile, "--", host).CombinedOutput()
	if err != nil {
		if !sshRefuses {
			text, _ := os.ReadFile(d.ConfigFile)
			t.Errorf("%s: ssh refuses, and zup goes to %v: %s\n%s", host, e, out, text)
		}
		return
	}
	said := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		said[k] = append(said[k], v)
	}
	me, _ := user.Current()
	s, err := d.settings(t.Context(), sshconfig.Query{Host: target.Address, User: target.User, Usual: "root", LocalUser: me.Username})
	if err != nil {
		t.Fatal(err)
	}
	for what, values := range expectedOfSSH(t, said, e, s, d.SSH != nil) {
		if values[0] != values[1] {
			text, _ := os.ReadFile(d.ConfigFile)
			t.Errorf("%s: %s: zup %q, ssh %q\n%s", host, what, values[0], values[1], text)
		}
	}
}

// expectedOfSSH returns for each setting what zup says and what ssh does.
func expectedOfSSH(t *testing.T, said map[string][]string, e *endpoint, s sshconfig.Settings, asked bool) map[string][2]string {
	t.Helper()
	one := func(k string) string { return strings.Join(said[k], " | ") }
	port := strings.TrimPrefix(e.addr[strings.LastIndexByte(e.addr, ':'):], ":")
	all := map[string][2]string{
		"hostname": {strings.ToLower(hostOnly(e.addr)), strings.ToLower(one("hostname"))},
		"port":     {port, one("port")},
	}
	if u := s.Get("User"); u != "" {
		all["user"] = [2]string{e.user, one("user")}
	}
	var jump string
	if v, ok := s.Value("proxy"); ok && strings.EqualFold(v.Args[0], "ProxyJump") && v.Args[1] != "none" {
		jump = v.Args[1]
	}
	var hosts string
	if e.asksHosts != nil {
		hosts = e.asksHosts.command
	}
	all["knownhostscommand"] = [2]string{hosts, one("knownhostscommand")}
	all["checkhostip"] = [2]string{fmt.Sprint(e.checkIP), fmt.Sprint(one("checkhostip") == "yes")}
	all["proxyjump"] = [2]string{jump, one("proxyjump")}
	var command string
	if v, ok := s.Value("proxy"); ok && strings.EqualFold(v.Args[0], "ProxyCommand") && !strings.EqualFold(v.Args[1], "none") {
		command = v.Args[1]
	}
	all["proxycommand"] = [2]string{command, one("proxycommand")}
	if (e.proxy != nil) != (command != "") {
		t.Errorf("the command is %q, and it is used: %v", command, e.proxy != nil)
	}
	for _, k := range []string{"identityfile", "certificatefile", "identityagent", "revokedhostkeys", "userknownhostsfile", "globalknownhostsfile", "hostkeyalias", "bindaddress"} {
		var ours []string
		for _, v := range s[k] {
			value := strings.Join(v.Args, " ")
			if k == "hostkeyalias" { // it is looked for without regard to capitals
				value = strings.ToLower(value)
			}
			ours = append(ours, value)
		}
		defaults := len(ours) == 0 && slices.Contains([]string{"identityfile", "userknownhostsfile", "globalknownhostsfile"}, k)
		if !defaults {
			all[k] = [2]string{strings.Join(ours, " | "), one(k)}
		}
	}
	all["setenv"] = [2]string{strings.Join(e.env, " | "), one("setenv")}
	all["addressfamily"] = [2]string{first(strings.ToLower(s.Get("AddressFamily")), "any"), one("addressfamily")}
	all["identitiesonly"] = [2]string{fmt.Sprint(e.keys.only), fmt.Sprint(one("identitiesonly") == "yes")}
	for k, v := range map[string]string{"remotecommand": "", "requesttty": "auto", "sessiontype": "default", "pkcs11provider": "", "bindinterface": "", "canonicalizehostname": "false"} {
		if (k == "requesttty" || k == "sessiontype") && one(k) == "" || k == "requesttty" && one(k) == "false" {
			continue
		}
		if k == "canonicalizehostname" && asked {
			continue // it is in the name already
		}
		all[k] = [2]string{v, one(k)}
	}
	have := ssh.SupportedAlgorithms()
	for k, l := range map[string][2][]string{
		"ciphers": {e.algorithms.transport.Ciphers, have.Ciphers}, "macs": {e.algorithms.transport.MACs, have.MACs},
		"kexalgorithms": {e.algorithms.transport.KeyExchanges, have.KeyExchanges}, "hostkeyalgorithms": {e.algorithms.hostKeys, have.HostKeys},
	} {
		if l[0] == nil {
			continue
		}
		theirs := strings.Split(one(k), ",")
		ours := slices.DeleteFunc(slices.Clone(l[0]), func(a string) bool { return !slices.Contains(theirs, a) })
		shared := slices.DeleteFunc(slices.Clone(theirs), func(a string) bool { return !slices.Contains(l[1], a) })
		slices.Sort(ours)
		slices.Sort(shared)
		all[k] = [2]string{strings.Join(ours, ","), strings.Join(shared, ",")}
	}
	return all
}

// Generated configurations: directives, patterns, tokens, quotes, includes, Match in all
// forms. zup agrees with ssh, or refuses with file and line.
func TestGeneratedConfigurations(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ssh"); err != nil {
		skip(t, "there is no ssh to compare with")
	}
	agreed := 0
	for seed := range *configurations {
		d := newDialer(t)
		d.KnownHostsFiles = nil
		g := &generator{rand: rand.New(rand.NewPCG(14, uint64(seed))), home: d.Home}
		for _, name := range []string{"more", "config"} {
			if err := os.WriteFile(filepath.Join(d.Home, name), []byte(g.file(name)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		d.ConfigFile = filepath.Join(d.Home, "config")
		host := g.pick("lb1", "lb2", "bob@lb1", "192.0.2.11", "Edge.example.net")
		if !strings.HasPrefix(asked(t, d, host, false), "refused") {
			agreed++
		}
		if t.Failed() {
			more, _ := os.ReadFile(filepath.Join(d.Home, "more"))
			t.Fatalf("seed %d, which includes\n%s", seed, more)
		}
	}
	if answeredBySSH.Load() < int64(*configurations/50) {
		t.Errorf("ssh was asked for only %d", answeredBySSH.Load())
	}
	if agreed < *configurations/3 {
		t.Errorf("zup agrees with only %d of %d and refuses the others", agreed, *configurations)
	}
}

type generator struct {
	rand *rand.Rand
	home string
}

func (g *generator) pick(of ...string) string { return of[g.rand.IntN(len(of))] }

func (g *generator) file(name string) string {
	var b strings.Builder
	for range 1 + g.rand.IntN(8) {
		switch g.rand.IntN(5) {
		case 0:
			b.WriteString(g.pick("Host ", "host\t", "Host=", "HOST = ") + g.hosts(" ") + g.pick("", "", " # who", " ") + "\n")
		case 1:
			b.WriteString("Match " + g.criteria() + "\n")
		default:
			b.WriteString(g.pick("", "  ", "\t") + g.directive(name) + g.pick("", "", " ", "\t", "\r", " # why") + "\n")
		}
	}
	return b.String()
}

func (g *generator) hosts(between string) string {
	var all []string
	for range 1 + g.rand.IntN(3) {
		p := g.pick("", "", "", "!") + g.pick("lb1", "lb2", "lb?", "*", "lb*", "LB1", "*.example.net", "192.0.2.*", "other", "127.0.0.1", "edge*")
		if between == " " {
			p = g.pick(p, p, p, `"`+p+`"`)
		}
		all = append(all, p)
	}
	return strings.Join(all, between)
}

func (g *generator) criteria() string {
	if g.rand.IntN(6) == 0 {
		return g.pick("all", "!all", "final all", "final", "!final", "canonical", "final host lb1", "ALL")
	}
	var all []string
	for range 1 + g.rand.IntN(3) {
		list := g.hosts(",")
		switch name := g.pick("host", "host", "originalhost", "user", "localuser", "final", "exec"); name {
		case "final":
			all = append(all, g.pick("", "!")+name)
		case "exec":
			all = append(all, g.pick("", "!")+name+" "+g.pick(`"true"`, `"false"`, "true", `"test %h = lb1"`, `"test %n-%p = lb1-22"`, `"test %k = lb1"`, `"test %r = bob"`, `"test -n %C"`, `"test -n %C"`, `"test -z %C"`, `"test -n %C"`, `"test %u-%i-%L = $(id -un)-$(id -u)-$(hostname -s)"`))
		case "user", "localuser":
			all = append(all, g.pick("", "!")+name+" "+g.pick("bob", "b*,!bob", "*", "nobody-at-all", `"bob,ops"`))
		default:
			all = append(all, g.pick("", "!")+g.pick(name, strings.ToUpper(name))+g.pick(" ", " ", "=", "\t")+g.pick(list, list, `"`+list+`"`))
		}
	}
	return strings.Join(all, " ")
}

func (g *generator) directive(file string) string {
	n := fmt.Sprint(2200 + g.rand.IntN(20))
	switch g.rand.IntN(16) {
	case 0, 1:
		return g.pick("Port ", "port=", "PORT\t", "Port = ") + g.pick(n, n, `"`+n+`"`)
	case 2:
		return "HostName " + g.pick("127.0.0.1", "%h.example.net", `"edge.example.net"`, "2001:db8::1", "lb%%1", "%h")
	case 3:
		return "User " + g.pick("ops", "bob", `"ops"`)
	case 4:
		return "ProxyJump " + g.pick("bastion", "ops@bastion:2200", "none", "a,b")
	case 5:
		return g.pick("ProxyCommand ", "ProxyCommand=", "proxycommand = ") + g.pick("none", "NONE", "nc %h %p", `sh -c "nc '%h' %p" # x`, `"none"`, "nc %n:%r:%k:%%", "nc %d", "# nc")
	case 6:
		return "IdentityFile " + g.pick("/keys/a", `"/keys/my key"`, `/keys/my\ key`, "~/.ssh/%r", "none", `'/keys/b'`)
	case 7:
		return "UserKnownHostsFile " + g.pick("/hosts/a /hosts/b", `"/hosts/a"`, "none", "/hosts/c")
	case 8:
		return "HostKeyAlias " + g.pick("edge", "lb1.example.net")
	case 9:
		if file == "config" {
			return "Include " + g.pick(g.home+"/more", g.home+"/mor*", g.home+"/none", `"`+g.home+`/more"`)
		}
		return "CertificateFile " + g.pick("/keys/a-cert.pub", "/keys/b-cert.pub")
	case 10:
		return g.pick("Ciphers ", "ciphers=") + g.pick("aes256-ctr,aes128-ctr", "-aes128*", "^aes128-ctr", "+aes256-ctr")
	case 11:
		return "HostKeyAlgorithms " + g.pick("ssh-ed25519", "-ssh-rsa*", "^rsa-sha2-512", "ssh-ed25519,ecdsa-sha2-nistp256")
	case 12:
		return g.pick("IdentitiesOnly yes", "IdentitiesOnly no", "AddressFamily inet6", "AddressFamily any", "BindAddress 127.0.0.1")
	case 13:
		return g.pick("RemoteCommand none", "RequestTTY no", "KnownHostsCommand none", "KnownHostsCommand /usr/bin/lookup %H %n", `KnownHostsCommand "/usr/bin/my lookup" '%I' # %t`, "KnownHostsCommand lookup", "ProxyUseFdpass yes", "ProxyUseFdpass no", "CheckHostIP yes", "FingerprintHash md5", "SetEnv A=b", "CanonicalizeHostname no", "RevokedHostKeys /etc/revoked")
	default:
		return g.pick("ForwardAgent yes", "ServerAliveInterval 15", "Compression yes", "LogLevel ERROR", "StrictHostKeyChecking no")
	}
}
