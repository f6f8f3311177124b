package ssh

import (
	"context"
	"net"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"

	"zup/plan/disk"
	"zup/providers/ssh/sshconfig"
)

// A Hop is a host on the way to a target, or the target itself: what Dial would use.
type Hop struct {
	Name  string // as it was called
	Facts []Fact
}

// A Fact is one thing that is used, and who says so.
type Fact struct {
	What, Value string
	From        string // FILE:LINE of ssh_config, the configuration, the environment or a default
}

// Who says so.
const (
	fromConfiguration = "the configuration"
	fromDefault       = "default"
)

// Way returns what Dial would use, the outermost jump host first and the target last. It
// connects to nothing; it reads the files that Dial would read, and may ask ssh as Dial
// does. The error is that of Dial.
func (d *Dialer) Way(ctx context.Context, t Target) ([]Hop, error) {
	e, err := d.resolve(ctx, t)
	if err != nil {
		return nil, err
	}
	var way []Hop
	for _, hop := range append(e.hops, e) {
		way = append(way, hop.described())
	}
	return way, nil
}

func (e *endpoint) described() Hop {
	h := Hop{Name: e.name}
	add := func(what, value, from string) {
		if value != "" {
			h.Facts = append(h.Facts, Fact{what, value, from})
		}
	}
	host, port, _ := net.SplitHostPort(e.addr)
	called := fromConfiguration
	if e.jumpHost {
		called = first(e.calledBy, fromConfiguration)
	}
	add("host", host, e.source("HostName", called, e.renamed))
	add("port", port, e.source("Port", called, e.asked.Port == 0))
	add("user", e.user, e.source("User", called, e.asked.User == ""))
	if e.proxy != nil {
		add("proxy command", strings.TrimPrefix(e.proxy.command, "exec "), e.proxy.at)
	}
	if how := e.becomes(); how != "" && !e.jumpHost {
		from, file := fromConfiguration, "/etc/sudoers.d/zup there"
		if how != e.become {
			from = fromDefault
		}
		if how == BecomeDoas {
			file = "/etc/doas.conf there"
		}
		add("becomes root with", tried(how), from)
		if e.user != readerWord { // whose rule zup reader makes
			add("needs the rule", Rule(how, e.user), file)
		}
	}
	for _, l := range []struct{ what, directive, value string }{
		{"known as", "HostKeyAlias", e.alias()},
		{"address family", "AddressFamily", e.settings.Get("AddressFamily")},
		{"connects from", "BindAddress", e.settings.Get("BindAddress")},
		{"only keys of files", "IdentitiesOnly", e.settings.Get("IdentitiesOnly")},
	} {
		add(l.what, l.value, e.said(l.directive, fromDefault))
	}
	for i, file := range e.keys.files {
		from := e.saidBy("IdentityFile", i)
		if e.asked.IdentityFile != "" {
			from = fromConfiguration
		}
		add("key", file+missing(file), from)
	}
	for i, file := range e.keys.certs {
		add("certificate", file+missing(file), e.saidBy("CertificateFile", i))
	}
	add("agent", first(e.keys.agent, "none"), e.said("IdentityAgent", "SSH_AUTH_SOCK"))
	if v, ok := e.settings.Value("AddKeysToAgent"); ok && !strings.EqualFold(v.Args[0], "no") && !strings.EqualFold(v.Args[0], "false") {
		add("AddKeysToAgent", strings.Join(v.Args, " ")+", ignored on purpose: zup adds no key to an agent; ssh-add does", v.At())
	}
	e.hostKeys(add)
	for _, directive := range []string{"KexAlgorithms", "Ciphers", "MACs", "HostKeyAlgorithms", "PubkeyAcceptedAlgorithms", "CASignatureAlgorithms", "RequiredRSASize"} {
		add(directive, e.settings.Get(directive), e.said(directive, ""))
	}
	add("environment", strings.Join(e.env, " "), e.said("SetEnv", ""))
	return h
}

// hostKeys adds what vouches for the host.
func (e *endpoint) hostKeys(add func(what, value, from string)) {
	add("revoked host keys", e.revoked, e.said("RevokedHostKeys", ""))
	if e.pinned != nil {
		add("host key", e.pinned.Type()+" "+ssh.FingerprintSHA256(e.pinned), e.pinnedBy)
		return
	}
	var there []string
	for i, file := range e.knownHosts {
		from := e.said("UserKnownHostsFile", fromDefault)
		if i >= e.userKnown {
			from = e.said("GlobalKnownHostsFile", fromDefault)
		}
		add("known hosts", file+missing(file), from)
		if ok, _ := isKnownHosts(file); ok {
			there = append(there, file)
		}
	}
	if e.asksHosts != nil {
		add("known hosts command", e.asksHosts.command, e.asksHosts.at)
	}
	lines, err := readKnownHosts(there, e.knownAs)
	for _, l := range lines {
		if l.key != nil {
			x := l.expected()
			add("host key", strings.TrimSpace(l.mark+" "+x.KeyType+" "+x.Fingerprint), x.Source)
		}
	}
	if bad := lines.bad("", markAuthority, markRevoked); err == nil {
		err = bad
	}
	switch {
	case err != nil:
		add("host key", "can't be read", err.Error())
	case len(lines) == 0 && e.asksHosts != nil:
		add("host key", "not known yet", "the command is asked when zup connects")
	case len(lines) == 0:
		add("host key", "unknown", "no known_hosts file has it")
	}
}

// alias is the name by which known_hosts has the host, if it is not its address.
func (e *endpoint) alias() string {
	if e.knownAs == e.addr {
		return ""
	}
	return hostOnly(e.knownAs)
}

// source says where one of the host's own values comes from: a file, if it may be asked, or
// whoever named the host.
func (e *endpoint) source(directive, called string, ofFiles bool) string {
	if !ofFiles {
		return called
	}
	if directive == "HostName" {
		return e.said(directive, called)
	}
	return e.said(directive, fromDefault)
}

func (e *endpoint) said(directive, otherwise string) string {
	if v, ok := e.settings.Value(directive); ok {
		return v.At()
	}
	return otherwise
}

// saidBy is for directives of which several values count. Those that say "none" name no
// file, and are not counted.
func (e *endpoint) saidBy(directive string, place int) string {
	var named []sshconfig.Value
	for _, v := range e.settings[strings.ToLower(directive)] {
		if !strings.EqualFold(v.Args[0], "none") {
			named = append(named, v)
		}
	}
	if place < len(named) {
		return named[place].At()
	}
	return fromDefault
}

// missing is what to add to the name of a file that is not there.
func missing(file string) string {
	if _, err := disk.Stat(file); os.IsNotExist(err) {
		return " (there is none)"
	}
	return ""
}
