package ssh

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kevinburke/ssh_config"
	"golang.org/x/crypto/ssh"

	"zup/plan/disk"
)

// An endpoint is a Target or a jump host with everything filled in that the
// user, ~/.ssh/config and the defaults say about it.
type endpoint struct {
	user       string
	addr       string // host:port to connect to
	knownAs    string // host:port to look up in known_hosts
	hops       []*endpoint
	keys       keyChoice
	pinned     ssh.PublicKey // nil: known_hosts decides
	pinnedBy   string        // who says so, for messages
	jumpHost   bool          // others are reached through it
	name       string        // as it was called, before ~/.ssh/config gave it an address
	allow      func(netip.Addr) error
	knownHosts []string // files, existing or not
}

// keyChoice says which keys may be offered.
type keyChoice struct {
	files []string // identity files, in order
	dir   string   // that files lie in and that no link in it leads out of; "": they lie where their user wants
	only  bool     // IdentitiesOnly: from the agent only keys that are in files too
	agent string   // socket; "": no agent
}

// String returns user@host:port.
func (e *endpoint) String() string { return e.user + "@" + e.addr }

// resolve fills in an endpoint for t and for every host that it is reached
// through. What t says wins over ~/.ssh/config, and that over /etc/ssh/ssh_config.
func (d *Dialer) resolve(t Target) (*endpoint, error) {
	cfg, err := d.settings()
	if err != nil {
		return nil, err
	}
	r := &resolver{dialer: d, cfg: cfg}
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
	if t.Allow != nil && cfg.get(t.Address, "HostName") == "" {
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
	dialer *Dialer
	cfg    settings
	seen   []string // hosts whose ProxyJump led here, to find circles
}

func (r *resolver) endpoint(t Target) (*endpoint, error) {
	get := func(key string) string { return r.cfg.get(t.Address, key) }

	host := first(expand(get("HostName"), map[byte]string{'h': t.Address}), t.Address)
	port := get("Port")
	if t.Port != 0 {
		port = strconv.Itoa(t.Port)
	}
	port = first(port, "22")
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return nil, fmt.Errorf("%s: %q is no port", t.Address, port)
	}
	e := &endpoint{
		name:    t.Address,
		user:    first(t.User, get("User"), r.usualUser()),
		addr:    net.JoinHostPort(host, port),
		knownAs: net.JoinHostPort(host, port),
	}
	if alias := get("HostKeyAlias"); alias != "" {
		e.knownAs = net.JoinHostPort(alias, "22")
	}
	tokens := map[byte]string{'h': host, 'n': t.Address, 'p': port, 'r': e.user}
	var err error
	if e.keys, err = r.keyChoice(t, tokens); err != nil {
		return nil, err
	}
	e.knownHosts = r.knownHosts(t.Address, tokens)
	e.hops, err = r.hops(t)
	return e, err
}

// usualUser is who logs in where nobody says: root on a node, and on a jump host
// whoever runs zup, as with ssh.
func (r *resolver) usualUser() string {
	if len(r.seen) == 0 {
		return "root"
	}
	if r.dialer.LocalUser != "" {
		return r.dialer.LocalUser
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "root"
}

func (r *resolver) keyChoice(t Target, tokens map[byte]string) (keyChoice, error) {
	k := keyChoice{only: strings.EqualFold(r.cfg.get(t.Address, "IdentitiesOnly"), "yes")}
	switch files := r.cfg.all(t.Address, "IdentityFile"); {
	case t.IdentityFile != "":
		if err := k.named(r.dialer, t.IdentityFile); err != nil {
			return k, fmt.Errorf("read identity file: %w", err)
		}
	case len(files) > 0:
		for _, f := range files {
			if !strings.EqualFold(f, "none") {
				k.files = append(k.files, r.dialer.path(f, tokens))
			}
		}
	default:
		for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
			k.files = append(k.files, filepath.Join(r.dialer.home(), ".ssh", name))
		}
	}
	k.agent = r.agent(t.Address, tokens)
	return k, nil
}

// agent returns the socket of the agent, "" for none.
func (r *resolver) agent(alias string, tokens map[byte]string) string {
	env := first(r.dialer.AgentSocket, os.Getenv("SSH_AUTH_SOCK"))
	agent := r.cfg.get(alias, "IdentityAgent")
	switch {
	case env == "none", strings.EqualFold(agent, "none"):
		return ""
	case agent == "", agent == "SSH_AUTH_SOCK":
		return env
	case agent[0] == '$' && !strings.Contains(agent, "/"):
		return os.Getenv(strings.Trim(agent[1:], "{}"))
	}
	return r.dialer.path(agent, tokens)
}

// knownHosts returns the files to look in, as ssh does: the user's, then the
// system's.
func (r *resolver) knownHosts(alias string, tokens map[byte]string) []string {
	if r.dialer.KnownHostsFiles != nil {
		return r.dialer.KnownHostsFiles
	}
	files := strings.Fields(first(r.cfg.get(alias, "UserKnownHostsFile"), "~/.ssh/known_hosts ~/.ssh/known_hosts2"))
	files = append(files, strings.Fields(first(r.cfg.get(alias, "GlobalKnownHostsFile"), "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"))...)
	var paths []string
	for _, f := range files {
		if !strings.EqualFold(f, "none") {
			paths = append(paths, r.dialer.path(f, tokens))
		}
	}
	return paths
}

// hops returns the chain to t, outermost first. Only the outermost host's own
// ProxyJump is followed, as ssh does it: the others are reached through the one
// before them.
func (r *resolver) hops(t Target) ([]*endpoint, error) {
	specs, err := r.jumpSpecs(t)
	if err != nil || len(specs) == 0 {
		return nil, err
	}
	if slices.Contains(r.seen, t.Address) {
		return nil, fmt.Errorf("jump hosts go round in a circle: %s", strings.Join(append(r.seen, t.Address), ", "))
	}
	outer := &resolver{r.dialer, r.cfg, append(slices.Clone(r.seen), t.Address)}
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
		chain = append(append(chain, e.hops...), e)
		e.hops = nil
	}
	return chain, nil
}

func (r *resolver) jumpSpecs(t Target) ([]string, error) {
	if t.Jump != nil {
		return t.Jump, nil
	}
	jump := r.cfg.get(t.Address, "ProxyJump")
	if strings.EqualFold(jump, "none") {
		return nil, nil
	}
	if jump != "" {
		return strings.Split(jump, ","), nil
	}
	if cmd := r.cfg.get(t.Address, "ProxyCommand"); cmd != "" && !strings.EqualFold(cmd, "none") {
		return nil, &ConfigError{
			File: r.dialer.configFile(),
			Err:  fmt.Errorf("ProxyCommand for %q: zup starts no proxy commands", t.Address),
			hint: fmt.Sprintf("say which hosts to jump through: ProxyJump in %s, or jump in the ssh block", r.dialer.configFile()),
		}
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
			return t, fmt.Errorf("jump host %q: %q is no port", spec, port)
		}
		t.Address, t.Port = host, n
	}
	t.Address = strings.Trim(t.Address, "[]")
	if t.Address == "" {
		return t, fmt.Errorf("jump host %q: it should look like user@host:port", spec)
	}
	return t, nil
}

// settings are the ssh_config files that apply, the strongest first.
type settings []*ssh_config.Config

func (s settings) get(alias, key string) string {
	for _, c := range s {
		if v, err := c.Get(alias, key); err == nil && v != "" {
			return v
		}
	}
	return ""
}

func (s settings) all(alias, key string) []string {
	var all []string
	for _, c := range s {
		if v, err := c.GetAll(alias, key); err == nil {
			all = append(all, v...)
		}
	}
	return all
}

// settings reads the configuration files, once.
func (d *Dialer) settings() (settings, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.loaded == nil {
		d.loaded = &loadedSettings{}
		d.loaded.settings, d.loaded.err = readSettings(d.configFile(), first(d.SystemConfigFile, "/etc/ssh/ssh_config"))
	}
	return d.loaded.settings, d.loaded.err
}

type loadedSettings struct {
	settings settings
	err      error
}

func readSettings(files ...string) (settings, error) {
	var s settings
	for _, file := range files {
		if file == "none" {
			continue
		}
		text, err := disk.ReadFile(file, disk.MaxSettings)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, &ConfigError{File: file, Err: err}
		}
		c, err := ssh_config.DecodeBytes(text)
		if err != nil {
			return nil, configError(file, err)
		}
		s = append(s, c)
	}
	return s, nil
}

// configError explains the parser's refusal. Of the Match lines it understands
// "all" and "host"; skipping the others could mean to connect somewhere else than
// ssh does, so nothing is read from a file that has one.
func configError(file string, err error) error {
	e := &ConfigError{File: file, Err: err, hint: "does ssh -G HOST read it?"}
	if strings.Contains(err.Error(), "Match") {
		e.hint = "zup understands only \"Match all\" and \"Match host\": move what it needs to a Host block in a file of its own, or into the ssh block"
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

// path expands ~, the variables ${NAME} and the tokens that ssh_config allows in
// file names.
func (d *Dialer) path(p string, tokens map[byte]string) string {
	if tokens != nil {
		tokens['d'], tokens['u'] = d.home(), os.Getenv("USER")
		p = expand(p, tokens)
	}
	if rest, ok := strings.CutPrefix(p, "~/"); ok {
		p = filepath.Join(d.home(), rest)
	}
	return p
}

// expand replaces %x by tokens['x'] and ${NAME} by the environment's NAME. What
// it does not know stays.
func expand(s string, tokens map[byte]string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch rest := s[i:]; {
		case strings.HasPrefix(rest, "%%"):
			b.WriteByte('%')
			i++
		case rest[0] == '%' && len(rest) > 1 && tokens[rest[1]] != "":
			b.WriteString(tokens[rest[1]])
			i++
		case strings.HasPrefix(rest, "${") && strings.Contains(rest, "}"):
			end := strings.IndexByte(rest, '}')
			b.WriteString(os.Getenv(rest[2:end]))
			i += end
		default:
			b.WriteByte(rest[0])
		}
	}
	return b.String()
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
