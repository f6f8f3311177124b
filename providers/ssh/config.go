package ssh

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"zup/plan/shell"
	"zup/providers/ssh/sshconfig"
)

// An endpoint is a Target or a jump host with everything filled in that the
// user, ~/.ssh/config and the defaults say about it.
type endpoint struct {
	user       string
	become     string // one of Becomes; "": BecomeSudo
	addr       string // host:port to connect to
	knownAs    string // host:port to look up in known_hosts
	hops       []*endpoint
	proxy      *proxyCommand // stands for the connection from here; nil: TCP
	keys       keyChoice
	pinned     ssh.PublicKey // nil: known_hosts decides
	pinnedBy   string        // who says so, for messages
	jumpHost   bool          // others are reached through it
	name       string        // as it was called, before ~/.ssh/config gave it an address
	renamed    bool          // ~/.ssh/config gave it one
	allow      func(netip.Addr) error
	knownHosts []string      // files, existing or not
	asksHosts  *hostsCommand // prints lines of known_hosts besides; nil: none
	checkIP    bool          // the address that is connected to must not have another key
	revoked    string        // file of host keys that do not count; "": none
	network    string        // tcp, tcp4 or tcp6: what to connect with from here
	from       net.Addr      // address to connect from; nil: any
	algorithms algorithms
	env        []string // NAME=VALUE, offered to the server for every session

	// For Way, which says where all of it comes from.
	asked     Target
	settings  sshconfig.Settings
	calledBy  string // of a jump host: the line of ssh_config that names it; "": the configuration
	userKnown int    // how many of knownHosts are the user's
}

// keyChoice says which keys may be offered.
type keyChoice struct {
	files []string // identity files, in order
	certs []string // certificate files, in order
	dir   string   // that files lie in and that no link in it leads out of; "": they lie where their user wants
	only  bool     // IdentitiesOnly: from the agent only keys that are in files too
	first bool     // the file is offered before anything that only the agent has
	agent string   // socket; "": no agent
}

// String returns user@host:port.
func (e *endpoint) String() string { return e.user + "@" + e.addr }

// resolve fills in an endpoint for t and for every host that it is reached
// through. What t says wins over ~/.ssh/config, and that over /etc/ssh/ssh_config.
func (d *Dialer) resolve(ctx context.Context, t Target) (*endpoint, error) {
	r := &resolver{ctx: ctx, dialer: d}
	e, err := r.endpoint(t)
	if err != nil {
		return nil, err
	}
	if t.HostKey != "" {
		if e.pinned, _, _, _, err = ssh.ParseAuthorizedKey([]byte(t.HostKey)); err != nil {
			return nil, fmt.Errorf("read the pinned host_key: it should look like \"ssh-ed25519 AAAA…\": %w", err)
		}
		e.pinnedBy = "the pinned host_key"
	}
	if t.Allow != nil && !e.renamed {
		e.allow = t.Allow
	}
	return e, pinJumps(e.hops, t.JumpHostKeys)
}

// pinJumps pins the jump hosts that keys has, by name or by what that stands for, with
// or without the port. A key for a host that nobody jumps through is a mistake.
func pinJumps(hops []*endpoint, keys map[string]string) error {
	used := map[string]bool{}
	for _, hop := range hops {
		_, port, _ := net.SplitHostPort(hop.addr)
		for _, by := range []string{net.JoinHostPort(hop.name, port), hop.name, hop.addr, hostOnly(hop.addr)} {
			text, ok := keys[by]
			if !ok {
				continue
			}
			var err error
			if hop.pinned, _, _, _, err = ssh.ParseAuthorizedKey([]byte(text)); err != nil {
				return fmt.Errorf("read the pinned key of jump host %q: it should look like \"ssh-ed25519 AAAA…\": %w", by, err)
			}
			hop.pinnedBy = fmt.Sprintf("jump_host_keys[%q]", by)
			used[by] = true
			break
		}
	}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		if len(hops) > 0 && !used[name] {
			var through []string
			for _, hop := range hops {
				through = append(through, hop.name)
			}
			return fmt.Errorf("jump_host_keys has a key for %q, and the way is through %s", name, strings.Join(through, ", "))
		}
	}
	return nil
}

type resolver struct {
	ctx    context.Context // of this resolve; ends with it
	dialer *Dialer
	seen   []string // hosts whose ProxyJump led here, to find circles
}

func (r *resolver) endpoint(t Target) (*endpoint, error) {
	s, err := r.dialer.settings(r.ctx, sshconfig.Query{Host: t.Address, User: t.User, Port: t.Port, Usual: r.usualUser(), LocalUser: r.localUser()})
	if err != nil {
		return nil, err
	}
	w := &words{dialer: r.dialer, settings: s, tokens: map[byte]string{'h': t.Address}}
	host := first(w.text("HostName"), t.Address)
	port := s.Get("Port")
	if t.Port != 0 {
		port = strconv.Itoa(t.Port)
	}
	port = first(port, "22")
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		v, _ := s.Value("Port")
		w.refuse(v, "Port", fmt.Errorf("%q is not a port number", port))
	}
	e := &endpoint{
		asked:    t,
		settings: s,
		name:     t.Address,
		renamed:  s.Get("HostName") != "",
		become:   t.Become,
		user:     first(t.User, s.Get("User"), r.usualUser()),
		addr:     net.JoinHostPort(host, port),
		knownAs:  net.JoinHostPort(host, port),
	}
	if alias := s.Get("HostKeyAlias"); alias != "" {
		e.knownAs = net.JoinHostPort(alias, "22")
	}
	w.tokens = r.tokens(t, host, port, e.user, s)
	e.keys = w.keyChoice(t)
	e.knownHosts, e.userKnown = w.knownHosts()
	e.asksHosts = w.hostsCommand(e.knownAs)
	e.checkIP = w.yes("CheckHostIP")
	e.revoked = w.revoked()
	e.network, e.from = w.network()
	e.algorithms = w.algorithms()
	e.env = w.environment()
	e.proxy = r.proxied(t, w)
	if w.err != nil {
		return nil, w.err
	}
	e.hops, err = r.hops(t, s)
	return e, err
}

// tokens are what file names may have.
func (r *resolver) tokens(t Target, host, port, user string, s sshconfig.Settings) map[byte]string {
	here, _ := os.Hostname()
	short, _, _ := strings.Cut(here, ".")
	return map[byte]string{
		'h': strings.ToLower(host), 'n': t.Address, 'p': port, 'r': user, 'd': r.dialer.home(), 'u': r.localUser(),
		'k': first(strings.ToLower(s.Get("HostKeyAlias")), t.Address), 'i': strconv.Itoa(os.Getuid()), 'l': here, 'L': short,
	}
}

// usualUser is who logs in where nobody says: root on a node, and on a jump host
// whoever runs zup, as with ssh.
func (r *resolver) usualUser() string {
	if len(r.seen) == 0 {
		return "root"
	}
	return r.localUser()
}

// localUser is who runs zup.
func (r *resolver) localUser() string {
	if r.dialer.LocalUser != "" {
		return r.dialer.LocalUser
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "root"
}

// hops returns the chain to t, outermost first. Only the outermost host's own
// ProxyJump is followed, as ssh does it: the others are reached through the one
// before them.
func (r *resolver) hops(t Target, s sshconfig.Settings) ([]*endpoint, error) {
	specs, err := r.jumpSpecs(t, s)
	if err != nil || len(specs) == 0 {
		return nil, err
	}
	if slices.Contains(r.seen, t.Address) {
		return nil, fmt.Errorf("jump hosts go round in a circle: %s", strings.Join(append(r.seen, t.Address), ", "))
	}
	outer := &resolver{r.ctx, r.dialer, append(slices.Clone(r.seen), t.Address)}
	var chain []*endpoint
	for i, spec := range specs {
		hop, err := parseHop(spec)
		if err != nil {
			return nil, err
		}
		if hop.Address == t.Address && t.Jump == nil {
			return nil, nil // a ProxyJump for "Host *" names the jump host itself too
		}
		if i > 0 {
			hop.Jump = []string{}
		}
		e, err := outer.endpoint(hop)
		if err != nil {
			return nil, err
		}
		e.jumpHost = true
		if v, ok := s.Value("proxy"); ok && t.Jump == nil {
			e.calledBy = v.At()
		}
		chain = append(append(chain, e.hops...), e)
		e.hops = nil
	}
	return chain, nil
}

func (r *resolver) jumpSpecs(t Target, s sshconfig.Settings) ([]string, error) {
	if t.Jump != nil {
		return t.Jump, nil
	}
	proxy, ok := s.Value("proxy") // whichever of ProxyJump and ProxyCommand comes first
	if !ok || strings.EqualFold(proxy.Args[1], "none") {
		return nil, nil
	}
	if strings.EqualFold(proxy.Args[0], "ProxyJump") {
		return strings.Split(proxy.Args[1], ","), nil
	}
	return nil, nil
}

// parseHop reads [user@]host[:port], also with ssh:// in front.
func parseHop(spec string) (Target, error) {
	s := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(spec), "ssh://"), "/")
	var t Target
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		t.User, s = s[:i], s[i+1:]
	}
	t.Address = s
	if host, port, err := net.SplitHostPort(s); err == nil {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return t, fmt.Errorf("jump host %q: %q is not a port number", spec, port)
		}
		t.Address, t.Port = host, n
	}
	t.Address = strings.Trim(t.Address, "[]")
	if t.Address == "" {
		return t, fmt.Errorf("jump host %q: it should look like user@host:port", spec)
	}
	return t, nil
}

// settings returns what the configuration files say about a host. They are read once.
func (d *Dialer) settings(ctx context.Context, q sshconfig.Query) (sshconfig.Settings, error) {
	d.mu.Lock()
	if d.files == nil {
		named := func(file string) string {
			if file == "none" {
				return ""
			}
			return file
		}
		d.files = &sshconfig.Files{User: named(d.configFile()), System: named(first(d.SystemConfigFile, "/etc/ssh/ssh_config")), Home: d.home()}
	}
	files := d.files
	d.mu.Unlock()
	s, err := files.For(q, d.asksCommands(ctx, files))
	var undecided *sshconfig.UndecidedError
	if errors.As(err, &undecided) {
		if s, err = d.askSSH(ctx, q, files, err); err == nil {
			err = s.Check()
		}
	}
	if err != nil {
		return nil, configError(q.Host, err)
	}
	return s, nil
}

// configError says what to do about a line that is not followed.
func configError(host string, err error) error {
	var line *sshconfig.LineError
	if !errors.As(err, &line) {
		return err
	}
	e := &ConfigError{File: line.At(), Err: line.Err, hint: "that line holds for " + host + ": what it says can change where zup goes, so that it is not passed over; if it is meant for other hosts, put it into a Host block of theirs"}
	if line.Line == 0 && strings.HasPrefix(line.File, "ssh -G ") {
		e.hint = "look at what it prints: " + shell.Command("ssh", "-G", "--", host)
	}
	var undecided *sshconfig.UndecidedError
	if errors.As(err, &undecided) && strings.HasPrefix(undecided.Why, "Match") {
		e.hint = "if that block is not meant for " + host + ": begin its criteria with !originalhost " + host
	}
	return e
}

func (d *Dialer) configFile() string {
	return first(d.ConfigFile, filepath.Join(d.home(), ".ssh", "config"))
}

func (d *Dialer) home() string {
	if d.Home != "" {
		return d.Home
	}
	home, _ := os.UserHomeDir()
	return home
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func hostOnly(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}
