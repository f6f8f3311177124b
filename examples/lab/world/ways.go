//go:build linux

package world

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// A Way is how control reaches the nodes over SSH, as its ssh_config says. Without one it
// reaches them by their addresses, and knows their host keys.
type Way struct {
	Name  string
	About string

	hops    int  // jump hosts; with one, control has no route to the nodes
	signed  bool // hosts and users have certificates, and nobody knows a key
	config  func(w *wayfarer) string
	known   func(w *wayfarer) string          // known_hosts; nil: the keys of all hosts
	scripts map[string]func(*wayfarer) string // in Home
}

// Ways is all of them.
var Ways = []Way{
	{Name: "jumps", About: "ProxyJump through three jump hosts, each of which knows only the next one", hops: 3,
		config: func(w *wayfarer) string {
			return w.block(w.nodes(), "ProxyJump ops@hop3") + w.block("hop3", "ProxyJump hop2") + w.block("hop2", "User ops", "ProxyJump root@hop1")
		}},
	{Name: "certificates", About: "certificates for the user and for the hosts; no node knows the user's key, and nobody a node's", signed: true,
		config: func(w *wayfarer) string { return w.block(w.nodes(), "CertificateFile "+Home+"/.ssh/user-cert.pub") },
		known: func(w *wayfarer) string {
			return "@cert-authority " + strings.ReplaceAll(w.nodes(), " ", ",") + " " + w.hostCA.Public + "\n"
		}},
	{Name: "revoked", About: "keys of other hosts are revoked, by RevokedHostKeys and by @revoked",
		config: func(w *wayfarer) string { return w.block(w.nodes(), "RevokedHostKeys "+Home+"/.ssh/revoked") },
		known: func(w *wayfarer) string {
			return "@revoked * " + w.strangers[0].Public + "\n@revoked lb-old.example.net " + w.strangers[1].Public + "\nlb-old.example.net " + w.strangers[1].Public + "\n" + w.keys()
		},
		scripts: map[string]func(*wayfarer) string{"/.ssh/revoked": func(w *wayfarer) string {
			return "# machines that are gone\n" + w.strangers[1].Public + "\n" + w.strangers[2].Public + "\n"
		}}},
	{Name: "known-hosts-command", About: "a program of control says the nodes' keys (KnownHostsCommand), and no file",
		config: func(w *wayfarer) string {
			return w.block(w.nodes(), "KnownHostsCommand "+Home+"/bin/known-hosts %H", "UserKnownHostsFile none", "GlobalKnownHostsFile none")
		},
		known: func(*wayfarer) string { return "" },
		scripts: map[string]func(*wayfarer) string{"/bin/known-hosts": func(w *wayfarer) string {
			return "#!/bin/sh\ngrep -w -e \"^$1\" <<'EOF'\n" + w.keys() + "EOF\n"
		}}},
	{Name: "proxy-command", About: "ProxyCommand: another ssh, to a jump host, carries the bytes", hops: 1,
		config: func(w *wayfarer) string {
			return w.block(w.nodes(), "ProxyCommand ssh -F "+Home+"/.ssh/config -W %h:%p ops@hop1")
		}},
}

// WayNamed returns the way with that name; "" is that without one.
func WayNamed(name string) (Way, error) {
	i := slices.IndexFunc(Ways, func(w Way) bool { return w.Name == name })
	switch {
	case name == "":
		return Way{}, nil
	case i < 0:
		var names []string
		for _, w := range Ways {
			names = append(names, w.Name)
		}
		return Way{}, fmt.Errorf("way: %q is none of %s", name, strings.Join(names, ", "))
	}
	return Ways[i], nil
}

// A wayfarer lays out a way in a planned world.
type wayfarer struct {
	*plannedWorld
	way            Way
	user           keyPair // control's key
	userCA, hostCA keyPair
	signs          struct{ user, host ssh.Signer }
	strangers      [3]keyPair // of hosts that are not in the world
	hops           []hop
}

// A hop is a jump host.
type hop struct {
	name, address string
	key           keyPair
}

func hopAddress(i int) string { return fmt.Sprint(managementNet, 210+i) }

// newWayfarer makes the keys of a way.
func newWayfarer(w *plannedWorld, way Way, user keyPair) (*wayfarer, error) {
	f := &wayfarer{plannedWorld: w, way: way, user: user}
	for i := range way.hops {
		key, err := newED25519()
		if err != nil {
			return nil, err
		}
		f.hops = append(f.hops, hop{fmt.Sprint("hop", i+1), hopAddress(i), key})
	}
	for i := range f.strangers {
		var err error
		if f.strangers[i], err = newED25519(); err != nil {
			return nil, err
		}
	}
	for ca, signer := range map[*keyPair]*ssh.Signer{&f.userCA: &f.signs.user, &f.hostCA: &f.signs.host} {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		if *ca, err = newKeyPair(private, private.Public()); err != nil {
			return nil, err
		}
		if *signer, err = ssh.NewSignerFromKey(private); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// nodes are the names of all nodes, as ssh_config writes them.
func (w *wayfarer) nodes() string {
	var names []string
	for _, c := range w.clusters {
		for _, n := range c.Nodes {
			names = append(names, n.Name)
		}
	}
	return strings.Join(names, " ")
}

// keys are the lines of known_hosts for all hosts.
func (w *wayfarer) keys() string {
	var lines strings.Builder
	for _, c := range w.clusters {
		for _, n := range c.Nodes {
			fmt.Fprintf(&lines, "%s %s\n", n.Name, n.HostKey)
		}
	}
	for _, h := range w.hops {
		fmt.Fprintf(&lines, "%s %s\n", h.name, h.key.Public)
	}
	return lines.String()
}

// block is a block of ssh_config.
func (w *wayfarer) block(hosts string, lines ...string) string {
	return "Host " + hosts + "\n\t" + strings.Join(lines, "\n\t") + "\n"
}

// lay changes the world so that control goes this way.
func (w *wayfarer) lay(whose product) error {
	known := w.keys()
	if w.way.known != nil {
		known = w.way.known(w)
	}
	config := w.way.config(w) + w.block(w.nodes()+" hop*", "User root", "IdentityFile "+Home+"/.ssh/id_ed25519", "UserKnownHostsFile "+Home+"/.ssh/known_hosts")
	w.Home["/.ssh/config"], w.Home["/.ssh/known_hosts"] = text(config), text(known)
	for name, content := range w.way.scripts {
		w.Home[name] = script(content(w))
	}
	if w.way.signed {
		if err := w.certify(); err != nil {
			return err
		}
	}
	for i := range w.Hosts {
		h := &w.Hosts[i]
		if h.Name != Control {
			continue
		}
		h.Files = maps.Clone(h.Files) // the clients have the same
		h.Files["/etc/ssh/ssh_config"] = text("")
		if len(w.hops) == 0 {
			continue
		}
		// Of the nodes and of the other jump hosts it knows neither names nor routes.
		hosts := "127.0.0.1 localhost\n" + controlAddress + " control\n" + hopAddress(0) + " hop1\n"
		h.Files["/etc/hosts"] = text(hosts)
		for _, c := range w.clusters {
			h.Unreachable = append(h.Unreachable, c.Nodes[0].Address, c.Nodes[1].Address)
		}
		for i := range w.hops[1:] {
			h.Unreachable = append(h.Unreachable, hopAddress(i+1))
		}
	}
	for i, hop := range w.hops {
		w.Hosts = append(w.Hosts, w.jumpHost(i, hop, whose))
	}
	return nil
}

// jumpHost is a host with sshd that knows the name of the next one, and the last one those
// of the nodes.
func (w *wayfarer) jumpHost(i int, h hop, whose product) host {
	hosts := "127.0.0.1 localhost\n"
	if i+1 < len(w.hops) {
		hosts += w.hops[i+1].address + " " + w.hops[i+1].name + "\n"
	} else {
		for _, c := range w.clusters {
			for _, n := range c.Nodes {
				hosts += n.Address + " " + n.Name + "\n"
			}
		}
	}
	return host{Name: h.name, Hostname: h.name, Node: true, Files: whose.files(map[string]file{
		"/etc/hostname":                     text(h.name + "\n"),
		"/etc/hosts":                        text(hosts),
		"/etc/resolv.conf":                  text(""),
		"/etc/ssh/ssh_host_ed25519_key":     secret(h.key.Private),
		"/etc/ssh/ssh_host_ed25519_key.pub": text(h.key.Public + "\n"),
		"/root/.ssh/authorized_keys":        secret(w.user.Public + "\n"),
		"/home/ops/.ssh/authorized_keys":    text(w.user.Public + "\n"),
		"/lab/boot":                         script(nodeScript("hop")),
		"/lab/settings":                     text("ADDRESS=" + h.address + "\n"),
	})}
}

// certify gives the user and each node a certificate, and takes the user's key from the
// nodes.
func (w *wayfarer) certify() error {
	user, err := signed(w.user.Public, ssh.UserCert, w.signs.user, "root")
	if err != nil {
		return err
	}
	w.Home["/.ssh/user-cert.pub"] = text(user)
	for i := range w.Hosts {
		h := &w.Hosts[i]
		key, ok := h.Files["/etc/ssh/ssh_host_ed25519_key.pub"]
		if !h.Node || !ok {
			continue
		}
		cert, err := signed(string(key.Data), ssh.HostCert, w.signs.host, h.Name)
		if err != nil {
			return err
		}
		h.Files["/etc/ssh/ssh_host_ed25519_key-cert.pub"] = text(cert)
		h.Files["/etc/ssh/user_ca.pub"] = text(w.userCA.Public + "\n")
		h.Files["/etc/ssh/sshd_config.d/certificates.conf"] = text("HostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub\nTrustedUserCAKeys /etc/ssh/user_ca.pub\n")
		keys := strings.ReplaceAll(string(h.Files["/root/.ssh/authorized_keys"].Data), w.user.Public+"\n", "")
		h.Files["/root/.ssh/authorized_keys"] = secret(keys)
	}
	return nil
}

// signed returns a certificate of a public key, for a day.
func signed(public string, kind uint32, by ssh.Signer, name string) (string, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(public))
	if err != nil {
		return "", err
	}
	now := time.Now()
	cert := &ssh.Certificate{Key: key, CertType: kind, KeyId: name, ValidPrincipals: []string{name},
		ValidAfter: uint64(now.Add(-time.Hour).Unix()), ValidBefore: uint64(now.Add(24 * time.Hour).Unix())}
	if kind == ssh.UserCert {
		cert.Permissions.Extensions = map[string]string{"permit-pty": ""}
	}
	if err := cert.SignCert(rand.Reader, by); err != nil {
		return "", err
	}
	return string(ssh.MarshalAuthorizedKey(cert)), nil
}
