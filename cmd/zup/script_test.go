package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"zup/plan/stream"
	"zup/providers/ssh/sshtest"
	"zup/providers/zevenet/zevenettest"
)

var updateScripts = flag.Bool("update", false, "rewrite the goldens of the scripts")

// waiting are tests that mostly wait for timers, not for a processor.
type waiting struct{ *testing.M }

func (w waiting) Run() int {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) {
		f.Value.Set("6")
	}
	return w.M.Run()
}

func TestMain(m *testing.M) {
	testscript.Main(waiting{m}, map[string]func(){
		"snap":    snapMain,
		"nolocks": noLocksMain,
		"zup": func() {
			os.Exit(checkedRun(os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}, func(std stdio) int {
				return run(context.Background(), os.Args[1:], std, takeEnvironment())
			}))
		},
	})
}

// scripts runs scripts as testscript.Run does, but that in CI none may be skipped.
type scripts struct{ *testing.T }

func (s scripts) Run(name string, f func(testscript.T)) {
	s.T.Run(name, func(t *testing.T) { f(scripts{t}) })
}

func (s scripts) Verbose() bool { return testing.Verbose() }

func (s scripts) Skip(args ...any) {
	s.Helper()
	if os.Getenv("ZUP_CI") != "" {
		s.Fatal(append([]any{"in CI nothing may be missing: "}, args...)...)
	}
	s.T.Skip(args...)
}

// TestScripts runs testdata/script. Nodes are a pair in memory behind SSH servers
// in this process: see the commands in scriptCommands.
func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	if signal.Ignored(syscall.SIGHUP) { // under nohup; what a script starts shall not ignore it, too
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	testscript.RunT(scripts{t}, testscript.Params{
		Dir:                 "testdata/script",
		Cmds:                scriptCommands,
		Condition:           condition,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *updateScripts,
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("SSH_AUTH_SOCK", "")
			env.Setenv("ZUP_LOG", "")
			env.Setenv("EXAMPLES", examples)
			docs, err := filepath.Abs("../../docs")
			if err != nil {
				return err
			}
			env.Setenv(docsDir, docs)
			env.Setenv(complaints, filepath.Join(env.WorkDir, ".complaints"))
			env.Defer(func() { noComplaints(t, env.WorkDir) })
			env.Values["pairs"], env.Values["t"], env.Values["background"] = map[string]*pair{}, t, &[]*exec.Cmd{}
			env.Values["silent"] = &silence{}
			return os.MkdirAll(filepath.Join(home, ".ssh"), 0o700)
		},
	})
}

// noComplaints fails a script in which something that was written for programs does
// not fit its schema: the streams, status, state and validations that zup has
// printed, and the files that it has left.
func noComplaints(t *testing.T, dir string) {
	if data, err := os.ReadFile(filepath.Join(dir, ".complaints")); err == nil {
		t.Errorf("%s", data)
	}
	if err := checkFiles(dir); err != nil {
		t.Errorf("%s: %v", dir, err)
	}
}

// pair is one cluster of a script.
type pair struct {
	*zevenettest.Pair
	servers map[string]*sshtest.Server
	holds   map[string]*hold // by node and kind
}

// hold keeps an action from ending, so that a script can do something meanwhile
// however slow the machine is.
type hold struct {
	once            sync.Once
	begun, released chan struct{}
}

func (h *hold) begin() { h.once.Do(func() { close(h.begun) }) }

func (p *pair) hold(node, kind string) *hold {
	h := &hold{begun: make(chan struct{}), released: make(chan struct{})}
	p.holds[node+" "+kind] = h
	return h
}

// heldAction finds what a script holds.
func heldAction(ts *testscript.TestScript, args []string) *hold {
	h := pairOf(ts, args[0]).holds[args[0]+" "+args[1]]
	if h == nil {
		ts.Fatalf("%s of %s is not held", args[1], args[0])
	}
	return h
}

// cmdNewest has the repository of a pair offer another version from now on.
func cmdNewest(ts *testscript.TestScript, neg bool, args []string) {
	pairOf(ts, args[0]).To = args[1]
}

func cmdBegun(ts *testscript.TestScript, neg bool, args []string) {
	select {
	case <-heldAction(ts, args).begun:
	case <-ts.Value("t").(testing.TB).Context().Done():
		ts.Fatalf("%s has not begun on %s", args[1], args[0])
	}
}

// cmdRelease returns when no job runs on the node any more.
func cmdRelease(ts *testscript.TestScript, neg bool, args []string) {
	close(heldAction(ts, args).released)
	pairOf(ts, args[0]).servers[args[0]].AwaitJobs()
}

// scriptCommands are the verbs of the scripts besides those of testscript:
//
//	pair FIRST SECOND [master=NODE] [primary=NODE] [at=ADDRESS,ADDRESS] [product=NAME] [from=VERSION to=VERSION] [apt=3] [tracked=weights] [ipv6] [user=NAME [sudo=PASSWORD] [doas]]
//	                                                 start two nodes; ssh finds them by name, and at these addresses;
//	                                                 user: who has to become root with sudo -n, sudo -S or doas;
//	                                                 ipv6: their cluster and VIPs have IPv6 addresses
//	bastion USER@HOST                                start a jump host that reaches the nodes that were started; its key is $KEY_bastion
//	example NAME                                     copy examples/NAME here
//	node NODE FACT=VALUE...                          what a node says from now on; FACT= takes it back
//	updated NODE...                                  a node was updated before
//	fail NODE KIND [exit=N] [print=TEXT] [delay=D] [held] [before] [master=NODE] [edit=NODE] [ask] [once] [silent=D] [turned] [to=VERSION]
//	                                                 what goes wrong when an action of this kind runs; held: it
//	                                                 does not end before release; turned: the package turns an
//	                                                 update of edge back, and dpkg has the old version, not configured;
//	                                                 to: the updater brings this version
//	newest NODE VERSION                              the repository of its pair has this version from now on
//	begun NODE KIND                                  wait until of an action that is held only the end is left
//	release NODE KIND                                actions of this kind are not held any more
//	serves NODE VERSION                              asserts who is MASTER, and that all is well
//	ssh NODE refuse|hang|deny|drop|reboot            what goes wrong with connections
//	lock NODE lost|left                              somebody else takes a node's lock and dies; asserts that something is left of it
//	agent NAME [touch=D]                             $SSH_AUTH_SOCK is an agent that accepts connections and never answers,
//	                                                 or has the keys of the pair and signs after so long
//	web                                              start what answers at a VIP, at $WEB; fail … silent=D
//	                                                 lets it say 503 for so long
//	exits STATUS COMMAND...                          like exec, and asserts the exit status
//	locked FILE PASSPHRASE NODE...                   the nodes take this new key and no other one
//	canaries FILE...                                 no file says CANARY or has the locked key, but these, which do
//	tmpfs DIRECTORY SIZE                             a disk of its own; as root
//	weekday VAR DAYS                                 sets a variable to the day of the week in so many days, UTC
//	instant VAR DURATION                             sets a variable to the time in so long, RFC 3339
//	stream FROM TO                                   writes a stream as it is every time: see cmdStream
//	remember; code STATUS                            keeps the background command, asserts its exit status after wait
var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"bastion":  cmdBastion,
	"example":  cmdExample,
	"pair":     cmdPair,
	"node":     cmdNode,
	"updated":  cmdUpdated,
	"fail":     cmdFail,
	"begun":    cmdBegun,
	"newest":   cmdNewest,
	"release":  cmdRelease,
	"serves":   cmdServes,
	"ssh":      cmdSSH,
	"web":      cmdWeb,
	"lock":     cmdLock,
	"exits":    cmdExits,
	"weekday":  cmdWeekday,
	"instant":  cmdInstant,
	"remember": cmdRemember,
	"tmpfs":    cmdTmpfs,
	"locked":   cmdLocked,
	"canaries": cmdCanaries,
	"code":     cmdCode,
	"stream":   cmdStream,
	"agent":    cmdAgent,
}

func pairs(ts *testscript.TestScript) map[string]*pair {
	return ts.Value("pairs").(map[string]*pair)
}

// pairOf returns the pair that has a node.
func pairOf(ts *testscript.TestScript, node string) *pair {
	for _, p := range pairs(ts) {
		if p.Nodes[node] != nil {
			return p
		}
	}
	ts.Fatalf("no pair has a node %q", node)
	return nil
}

// settings splits words like key=value.
func settings(args []string) map[string]string {
	all := map[string]string{}
	for _, a := range args {
		key, value, _ := strings.Cut(a, "=")
		all[key] = value
	}
	return all
}

func cmdPair(ts *testscript.TestScript, neg bool, args []string) {
	first, second := args[0], args[1]
	set := settings(args[2:])
	master, primary := first, "disabled"
	if set["master"] != "" {
		master = set["master"]
	}
	if set["primary"] != "" {
		primary = set["primary"]
	}
	p := &pair{zevenettest.New(first, second, master, primary), map[string]*sshtest.Server{}, map[string]*hold{}}
	if set["product"] != "" {
		p.Product = set["product"]
	}
	if set["from"] != "" {
		p.Nodes[first].Version, p.Nodes[second].Version, p.To = set["from"], set["from"], set["to"]
	}
	p.Apt3 = set["apt"] == "3"
	p.Weights = set["tracked"] == "weights"
	if slices.Contains(args, "ipv6") {
		p.UseIPv6()
	}
	addresses := strings.Split(set["at"]+",", ",")
	for i, name := range []string{first, second} {
		c := sshtest.Config{User: set["user"], SudoPassword: set["sudo"], Doas: slices.Contains(args, "doas")}
		p.servers[name] = p.Serve(ts.Value("t").(testing.TB), name, c)
		p.servers[name].Answer("id -u", sshtest.Reply{Stdout: "0\n"})
		ts.Setenv("KEY_"+name, p.servers[name].HostKey())
		appendHost(ts, strings.TrimSpace(name+" "+addresses[i]), name, cmp.Or(c.User, "root"), p.servers[name])
	}
	pairs(ts)[first] = p
}

// appendHost makes ~/.ssh/config know a server by these names.
func appendHost(ts *testscript.TestScript, names, alias, user string, s *sshtest.Server) {
	appendFile(ts, filepath.Join(ts.Getenv("HOME"), ".ssh", "config"), hostBlock(names, alias, user, s))
}

func hostBlock(names, alias, user string, s *sshtest.Server) string {
	return fmt.Sprintf("Host %s\n\tHostName 127.0.0.1\n\tPort %d\n\tUser %s\n\tHostKeyAlias %s\n\tIdentityFile %s\n\tUserKnownHostsFile %s\n",
		names, s.Port(), user, alias, s.IdentityFile(), s.KnownHosts(alias))
}

func cmdBastion(ts *testscript.TestScript, neg bool, args []string) {
	user, host, _ := strings.Cut(args[0], "@")
	behind := sshtest.Network{}
	for _, p := range pairs(ts) {
		for _, s := range p.servers {
			behind[s.Addr()] = s
		}
	}
	s := sshtest.New(ts.Value("t").(testing.TB), sshtest.Config{User: user, Forward: true, Names: behind})
	ts.Setenv("KEY_bastion", s.HostKey())
	appendHost(ts, host, host, user, s)
}

// cmdAgent starts an agent for SSH_AUTH_SOCK. Without touch it never answers.
func cmdAgent(ts *testscript.TestScript, neg bool, args []string) {
	dir, err := os.MkdirTemp("", "agent") // the names of sockets have to be short
	ts.Check(err)
	socket := filepath.Join(dir, args[0])
	l, err := net.Listen("unix", socket)
	ts.Check(err)
	ts.Defer(func() {
		l.Close()
		os.RemoveAll(dir)
	})
	serve := func(c net.Conn) { io.Copy(io.Discard, c) }
	if after := settings(args[1:])["touch"]; after != "" {
		touched := touchedAgent{Agent: agent.NewKeyring()}
		touched.after, err = time.ParseDuration(after)
		ts.Check(err)
		for _, p := range pairs(ts) {
			for _, s := range p.servers {
				text, err := os.ReadFile(s.IdentityFile())
				ts.Check(err)
				key, err := gossh.ParseRawPrivateKey(text)
				ts.Check(err)
				ts.Check(touched.Add(agent.AddedKey{PrivateKey: key, Comment: "yubikey"}))
			}
		}
		serve = func(c net.Conn) { agent.ServeAgent(touched, c) }
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	ts.Setenv("SSH_AUTH_SOCK", socket)
}

// A touchedAgent signs when somebody has touched it.
type touchedAgent struct {
	agent.Agent
	after time.Duration
}

func (a touchedAgent) Sign(key gossh.PublicKey, data []byte) (*gossh.Signature, error) {
	time.Sleep(a.after)
	return a.Agent.Sign(key, data)
}

func cmdExample(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(os.CopyFS(ts.MkAbs("."), os.DirFS(filepath.Join(ts.Getenv("EXAMPLES"), args[0]))))
}

func appendFile(ts *testscript.TestScript, path, text string) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	ts.Check(err)
	_, err = f.WriteString(text)
	ts.Check(err)
	ts.Check(f.Close())
}

func cmdNode(ts *testscript.TestScript, neg bool, args []string) {
	p := pairOf(ts, args[0])
	for _, a := range args[1:] {
		fact, value, _ := strings.Cut(a, "=")
		p.Set(args[0], fact, written(value))
	}
}

// written puts a line feed where a script says \n, and an escape for \e.
func written(s string) string { return strings.NewReplacer(`\n`, "\n", `\e`, "\x1b").Replace(s) }

func cmdUpdated(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		n := pairOf(ts, name).Nodes[name]
		n.Version, n.Config = zevenettest.NewVersion, "new"
	}
}

func cmdFail(ts *testscript.TestScript, neg bool, args []string) {
	node, kind := args[0], args[1]
	p := pairOf(ts, node)
	if slices.Contains(args, "never") {
		p.Fail(node, kind, nil)
		return
	}
	set := settings(args[2:])
	exit, _ := strconv.Atoi(set["exit"])
	delay, _ := time.ParseDuration(set["delay"])
	_, before := set["before"]
	_, once := set["once"]
	_, ask := set["ask"]
	var held *hold
	if _, ok := set["held"]; ok {
		held = p.hold(node, kind)
	}
	p.Fail(node, kind, func(z *zevenettest.Pair) zevenettest.Fault {
		if m := set["master"]; m != "" {
			z.Master = m
		}
		if set["to"] != "" {
			z.Nodes[node].Overshoots = set["to"]
		}
		if slices.Contains(args, "turned") {
			z.Nodes[node].Turned = "r.edge." + node + ".update"
		}
		if n := z.Nodes[set["edit"]]; n != nil {
			n.Config = "edited"
		}
		if d, err := time.ParseDuration(set["silent"]); err == nil {
			ts.Value("silent").(*silence).begin(d)
		}
		if once {
			z.Forget(node, kind)
		}
		f := zevenettest.Fault{Before: before, Exit: exit, Stdout: written(set["print"]), Delay: delay}
		if held != nil {
			f.AtEnd, f.Until = held.begin, held.released
		}
		if ask {
			f.Prompts = []sshtest.Prompt{{Text: "Configuration file '/etc/keepalived/keepalived.conf'\n*** keepalived.conf (Y/I/N/O/D/Z) [default=N] ? "}}
		}
		return f
	})
}

// cmdServes asserts that a pair is at rest.
func cmdServes(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(pairOf(ts, args[0]).atRest(args[0], args[1]))
}

// atRest says why a pair is not at rest with this MASTER and version, or returns nil.
func (p *pair) atRest(master, version string) error {
	if d := p.Damage(); d != "" {
		return fmt.Errorf("damage: %s", d)
	}
	for name, n := range p.Nodes {
		f := p.FactsOf(name)
		role := "backup"
		if name == master {
			role = "master"
		}
		if f["role"] != role || f["version"] != version || f["deny"] != "none" || f["open"] != "none" || f["left"] != "no" ||
			n.Replicates != (role == "master") || f["maintenance"] != "no" || n.Boosted {
			return fmt.Errorf("%s: %+v, role %s", name, *n, f["role"])
		}
		if left := p.servers[name].LockText(); left != "" {
			return fmt.Errorf("%s: this is left of a lock: %q", name, left)
		}
	}
	return nil
}

// silence is until when a web server says 503, in nanoseconds of the clock.
type silence struct{ until atomic.Int64 }

func (s *silence) begin(d time.Duration) { s.until.Store(time.Now().Add(d).UnixNano()) }

func (s *silence) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if time.Now().UnixNano() < s.until.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func cmdWeb(ts *testscript.TestScript, neg bool, args []string) {
	server := httptest.NewServer(ts.Value("silent").(*silence))
	ts.Defer(server.Close)
	ts.Setenv("WEB", server.Listener.Addr().String())
}

func cmdSSH(ts *testscript.TestScript, neg bool, args []string) {
	s := pairOf(ts, args[0]).servers[args[0]]
	switch args[1] {
	case "hang":
		s.Hang(!neg)
	case "deny":
		s.Deny(!neg)
	case "drop":
		s.DropConnections()
	case "reboot":
		s.Reboot()
	case "refuse":
		n, err := strconv.Atoi(args[2])
		ts.Check(err)
		s.RefuseNext(n, "")
	default:
		ts.Fatalf("ssh %s %s?", args[0], args[1])
	}
}

func cmdLock(ts *testscript.TestScript, neg bool, args []string) {
	s := pairOf(ts, args[0]).servers[args[0]]
	switch args[1] {
	case "lost":
		s.LoseLock("ben@laptop, process 7", "2026-11-25T03:00:00Z", "zup apply, run other")
	case "left":
		if (s.LockText() != "") == neg {
			ts.Fatalf("the lock of %s says %q", args[0], s.LockText())
		}
	default:
		ts.Fatalf("lock %s %s?", args[0], args[1])
	}
}

// cmdExits runs a command and asserts its exit status.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s exited with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

func cmdWeekday(ts *testscript.TestScript, neg bool, args []string) {
	days, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Setenv(args[0], strings.ToLower(time.Now().UTC().AddDate(0, 0, days).Format("Mon")))
}

func cmdInstant(ts *testscript.TestScript, neg bool, args []string) {
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	ts.Setenv(args[0], time.Now().Add(d).UTC().Format(time.RFC3339))
}

// cmdRemember keeps the last background command, for code.
func cmdRemember(ts *testscript.TestScript, neg bool, args []string) {
	all := ts.BackgroundCmds()
	kept := ts.Value("background").(*[]*exec.Cmd)
	*kept = append(*kept, all[len(all)-1])
}

// cmdCode asserts the exit status of the command that remember kept.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	kept := *ts.Value("background").(*[]*exec.Cmd)
	if got := kept[len(kept)-1].ProcessState.ExitCode(); strconv.Itoa(got) != args[0] {
		ts.Fatalf("it exited with %d, want %s", got, args[0])
	}
}

// steady are what differs from one run to the next, and what stands for it.
var steady = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`"@timestamp":"[^"]*"`), `"@timestamp":"TIME"`},
	{regexp.MustCompile(`"longest_at":"[^"]*"`), `"longest_at":"TIME"`},
	{regexp.MustCompile(`"(longest_ms|elapsed_seconds|sent)":[0-9.e-]+`), `"$1":1`},
	{regexp.MustCompile(`[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}`), `RUN`},
	{regexp.MustCompile(`"plan_id":"[0-9a-f]*"`), `"plan_id":"PLAN"`},
	{regexp.MustCompile(`done after [0-9.]+m?s`), `done after 1s`},
	{regexp.MustCompile(`[0-9]+ requests, ([0-9]+) lost, longest gap [0-9]+ ms`), `1 requests, $1 lost, longest gap 1 ms`},
	{regexp.MustCompile(`127\.0\.0\.1:[0-9]+`), `127.0.0.1:1`},
}

// cmdStream writes a stream without what differs from one run to the next: times, IDs
// and what took how long. Waiting is left out, and what happens side by side comes in
// the order of the plan.
func cmdStream(ts *testscript.TestScript, neg bool, args []string) {
	type line struct {
		text  string
		stage int
		about stream.Hook
	}
	var lines []line
	stage := 0
	for text := range strings.Lines(ts.ReadFile(args[0])) {
		var m stream.Message
		ts.Check(json.Unmarshal([]byte(text), &m))
		l := line{text: text, stage: stage}
		switch {
		case m.Type == stream.TypeApplyProgress:
			continue
		case m.Hook != nil:
			l.about = *m.Hook
		}
		if m.Hook == nil || m.Hook.Index == 0 && m.Hook.Node == "" {
			stage++
			l.stage = stage
			stage++
		}
		for _, s := range steady {
			l.text = s.re.ReplaceAllString(l.text, s.to)
		}
		lines = append(lines, l)
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		return cmp.Or(a.stage-b.stage, a.about.Index-b.about.Index, strings.Compare(a.about.Node, b.about.Node))
	})
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o600))
}
