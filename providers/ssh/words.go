package ssh

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"zup/providers/ssh/sshconfig"
)

// words reads what the settings of one host say, and keeps the first value that it can't
// follow: nothing counts then.
type words struct {
	dialer   *Dialer
	settings sshconfig.Settings
	tokens   map[byte]string
	err      error
}

func (w *words) refuse(v sshconfig.Value, directive string, err error) {
	if w.err != nil {
		return
	}
	e := &ConfigError{File: v.At(), Err: fmt.Errorf("%s: %w", directive, err), hint: "mend that line; what does ssh -G make of it?"}
	var foreign *foreignProgramError
	if errors.As(err, &foreign) {
		e.hint = "a line that starts a program must be in a file that did not come with the configuration: put it into ~/.ssh/config, and that outside of the configuration's directory"
	}
	w.err = e
}

// text returns the value of a directive with its tokens expanded, "" if there is none.
func (w *words) text(directive string) string {
	v, ok := w.settings.Value(directive)
	if !ok {
		return ""
	}
	s, err := sshconfig.Expand(v.Args[0], w.tokens, false)
	if err != nil {
		w.refuse(v, directive, err)
	}
	return s
}

// yes reports whether a directive that says yes or no says yes.
func (w *words) yes(directive string) bool {
	v := w.settings.Get(directive)
	return strings.EqualFold(v, "yes") || strings.EqualFold(v, "true")
}

// paths returns the files that values name, without "none".
func (w *words) paths(directive string, values []sshconfig.Value) []string {
	var all []string
	for _, v := range values {
		for _, arg := range v.Args {
			if strings.EqualFold(arg, "none") {
				continue
			}
			path, err := w.path(arg)
			if err != nil {
				w.refuse(v, directive, err)
			}
			all = append(all, path)
		}
	}
	return all
}

// path expands ~, the variables ${NAME} and the tokens that ssh_config allows in file
// names. A relative name is refused: ssh looks for it where it is started, and zup is
// started in directories that other people write to.
func (w *words) path(arg string) (string, error) {
	p, err := tilde(w.dialer.home(), arg)
	if err != nil {
		return "", err
	}
	if p, err = sshconfig.Expand(p, w.tokens, true); err != nil {
		return "", err
	}
	if !filepath.IsAbs(p) {
		return "", fmt.Errorf("%q: a relative name means another file wherever zup is started: write it with ~/ or /", arg)
	}
	return p, nil
}

// tilde expands ~ and ~USER at the beginning of a file name.
func tilde(home, path string) (string, error) {
	if !strings.HasPrefix(path, "~") {
		return path, nil
	}
	name, rest, _ := strings.Cut(path[1:], "/")
	if name == "" {
		return filepath.Join(home, rest), nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return "", fmt.Errorf("%q: %w", path, err)
	}
	return filepath.Join(u.HomeDir, rest), nil
}

func (w *words) keyChoice(t Target) keyChoice {
	k := keyChoice{only: w.yes("IdentitiesOnly")}
	switch files := w.settings["identityfile"]; {
	case t.IdentityFile != "":
		if err := k.named(w.dialer, t.IdentityFile); err != nil && w.err == nil {
			w.err = fmt.Errorf("read identity file: %w", err)
		}
		k.first = true
	case len(files) > 0:
		k.files = w.paths("IdentityFile", files)
	default:
		k.files = w.dialer.usualKeys()
	}
	k.certs = w.paths("CertificateFile", w.settings["certificatefile"])
	k.agent = w.agent()
	return k
}

// agent returns the socket of the agent, "" for none.
func (w *words) agent() string {
	env := first(w.dialer.AgentSocket, os.Getenv("SSH_AUTH_SOCK"))
	v, ok := w.settings.Value("IdentityAgent")
	if env == "none" || ok && strings.EqualFold(v.Args[0], "none") {
		return ""
	}
	if !ok || v.Args[0] == "SSH_AUTH_SOCK" {
		return env
	}
	if name, variable := strings.CutPrefix(v.Args[0], "$"); variable && !strings.HasPrefix(name, "{") {
		if name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			w.refuse(v, "IdentityAgent", fmt.Errorf("%q is not a variable of the environment: with more than its name it is written ${NAME}", v.Args[0]))
		}
		return os.Getenv(name)
	}
	path, err := w.path(v.Args[0])
	if err != nil {
		w.refuse(v, "IdentityAgent", err)
	}
	return path
}

// knownHosts returns the files to look in, as ssh does: the user's, as many as it says,
// then the system's.
func (w *words) knownHosts() (files []string, users int) {
	if w.dialer.KnownHostsFiles != nil {
		return w.dialer.KnownHostsFiles, len(w.dialer.KnownHostsFiles)
	}
	home := filepath.Join(w.dialer.home(), ".ssh")
	files = []string{filepath.Join(home, "known_hosts"), filepath.Join(home, "known_hosts2")}
	if said := w.settings["userknownhostsfile"]; len(said) > 0 {
		files = w.paths("UserKnownHostsFile", said)
	}
	global := []string{"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"}
	if said := w.settings["globalknownhostsfile"]; len(said) > 0 {
		global = w.paths("GlobalKnownHostsFile", said)
	}
	return append(files, global...), len(files)
}

// revoked returns the file of revoked host keys, "" for none.
func (w *words) revoked() string {
	files := w.paths("RevokedHostKeys", w.settings["revokedhostkeys"])
	if len(files) == 0 {
		return ""
	}
	return files[0]
}

// network returns what to connect with, and from where.
func (w *words) network() (string, net.Addr) {
	network := "tcp"
	switch strings.ToLower(w.settings.Get("AddressFamily")) {
	case "inet":
		network = "tcp4"
	case "inet6":
		network = "tcp6"
	}
	v, ok := w.settings.Value("BindAddress")
	if !ok {
		return network, nil
	}
	a, err := netip.ParseAddr(v.Args[0])
	if err != nil {
		w.refuse(v, "BindAddress", errors.New("zup takes only an IP address there"))
	}
	return network, net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0))
}

// environment returns what SetEnv says.
func (w *words) environment() []string {
	v, _ := w.settings.Value("SetEnv")
	for _, arg := range v.Args {
		if name, _, ok := strings.Cut(arg, "="); !ok || name == "" {
			w.refuse(v, "SetEnv", fmt.Errorf("%q is not NAME=VALUE", arg))
		}
	}
	return v.Args
}
