package config

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/crypto/ssh"

	"zup/plan/name"
	"zup/plan/product"
)

// anyNodes is how many nodes a cluster of a product has that nobody knows.
var anyNodes = product.Nodes{Least: 1, Most: 100, Words: "at least one node", Example: `node "lb1" { address = "192.0.2.11" }`}

func nodesOf(of *product.Declaration) product.Nodes {
	if of == nil {
		return anyNodes
	}
	return of.Nodes
}

// readNodes reads the node blocks of a cluster; defaults is its own ssh block.
func (l *loader) readNodes(b *body, defaults SSH, count product.Nodes) []Node {
	var nodes []Node
	names, addresses := map[string]hcl.Range{}, map[string]hcl.Range{}
	for _, block := range b.blocks {
		if block.Type != "node" {
			continue
		}
		n := l.readNode(block, defaults)
		nodes = append(nodes, n)
		if first, twice := names[strings.ToLower(n.Name)]; twice {
			l.errorf(&block.LabelRanges[0], fmt.Sprintf("node %q is declared twice", n.Name), "The first one is at %s.", lineOf(first))
		} else {
			names[strings.ToLower(n.Name)] = n.Range
		}
		if n.Address == "" {
			continue
		}
		key := endpoint(n)
		if first, twice := addresses[key]; twice {
			at := n.At("address")
			l.errorf(&at, fmt.Sprintf("two nodes have the address %q", n.Address), "The first one is at %s. Each node has a management address of its own.", lineOf(first))
		} else {
			addresses[key] = n.At("address")
		}
		if len(nodes) == count.Most+1 {
			l.errorf(&block.TypeRange, "a cluster has "+count.Words, "This is the %s one.", ordinal(len(nodes)))
		}
	}
	switch {
	case len(nodes) == 0 && !b.said("node"):
		l.errorf(&b.place.Range, "the cluster has no node", "A cluster has %s: %s", count.Words, count.Example)
	case len(nodes) > 0 && len(nodes) < count.Least:
		l.errorf(&b.place.Range, "the cluster has too few nodes", "A cluster has %s, and this one has %d.", count.Words, len(nodes))
	}
	return nodes
}

// ordinal writes "third", or "11th".
func ordinal(n int) string {
	if words := []string{"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"}; n <= len(words) {
		return words[n-1]
	}
	return fmt.Sprintf("%dth", n) // nobody has 21 of them
}

// endpoint identifies what an address reaches. Behind a translating gateway the
// ssh port alone tells two nodes apart, and the same private address means
// another machine behind another bastion.
func endpoint(n Node) string {
	host := strings.ToLower(strings.TrimSuffix(n.Address, "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	}
	port := n.SSH.Port
	if port == 0 {
		port = 22
	}
	return fmt.Sprint(host, port, n.SSH.Jump)
}

func (l *loader) readNode(block *hcl.Block, defaults SSH) Node {
	b := l.body(block, nodeLayout)
	n := Node{Name: block.Labels[0], SSH: defaults, Place: b.place}
	if hint := labelProblem(n.Name); hint != "" {
		l.errorf(&block.LabelRanges[0], fmt.Sprintf("%s is not a host name", quoted(n.Name)), "The label of a node is its own host name, as hostname prints it there. %s", hint)
	}
	switch text, ok := b.text("address"); {
	case ok:
		if hint := addressProblem(text); hint != "" {
			l.errorf(b.at("address"), fmt.Sprintf("%s is not an address", quoted(text)), "%s", hint)
		} else {
			n.Address = text
		}
	case b.absent("address"):
		l.errorf(&b.place.Range, `missing "address"`, "It is the node's own management address, never a virtual IP.")
	}
	if one := l.only(b, "ssh"); one != nil {
		n.SSH = overlay(defaults, l.readSSH(one, nodeSSHLayout))
	}
	l.checkJumpHostKeys(n)
	return n
}

// labelProblem says what keeps a text from being one label of a host name.
func labelProblem(s string) string {
	switch {
	case s == "":
		return "It is empty."
	case len(s) > name.Longest:
		return fmt.Sprintf("It is longer than %d characters.", name.Longest)
	case strings.Contains(s, "."):
		return "Write it without its domain."
	case strings.Contains(s, "_"):
		return "An underscore can't be in one."
	case s[0] == '-' || s[len(s)-1] == '-':
		return "It can't begin or end with a dash."
	case !name.Node(s):
		return "It is made of letters, digits and dashes."
	}
	return ""
}

// addressProblem says what keeps a text from being an IP or a DNS name, or
// nothing.
func addressProblem(s string) string {
	if ip, err := netip.ParseAddr(s); err == nil {
		switch {
		case ip.IsUnspecified():
			return "It stands for every address of a machine, not for a machine."
		case ip.IsMulticast(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
			return "It stands for several machines."
		}
		return ""
	}
	switch {
	case s == "":
		return "It is empty."
	case strings.Contains(s, "://"):
		return "It is a URL. Write the host alone."
	case strings.Contains(s, "@"):
		return `Write the host alone; the user goes into the ssh block: user = "root".`
	case strings.Contains(s, "/"):
		return "It has a slash, as a network has. A node has one address."
	case hasPort(s):
		return "Write it without the port; that goes into the ssh block: port = 22."
	case strings.HasPrefix(s, "["):
		return "Write an IPv6 address without brackets."
	case strings.Trim(s, "0123456789.") == "":
		return "An IPv4 address has four numbers from 0 to 255, without zeros in front."
	case strings.Contains(s, ":"):
		return "It is neither an IPv6 address nor a host name."
	}
	return hostNameProblem(s)
}

func hasPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	return err == nil && host != "" && port != "" && strings.Trim(port, "0123456789") == ""
}

func hostNameProblem(s string) string {
	name := strings.TrimSuffix(s, ".")
	if len(name) > 253 {
		return "A host name has 253 characters at most."
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" {
			return "It is neither an IP address nor a host name: two dots in a row."
		}
		if hint := labelProblem(label); hint != "" {
			return fmt.Sprintf("It is neither an IP address nor a host name: in %q, %s", label, lowerFirst(hint))
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return "It is neither an IP address nor a host name: the last part of a name is not a number."
	}
	return ""
}

// readSSH reads an ssh block, of a cluster or of a node.
func (l *loader) readSSH(block *hcl.Block, in *layout) SSH {
	b := l.body(block, in)
	s := SSH{Place: b.place}
	if text, ok := b.text("user"); ok {
		s.User = text
		if text == "" || text[0] == '-' || strings.ContainsFunc(text, func(r rune) bool { return isControl(r) || r == ' ' }) {
			l.errorf(b.at("user"), fmt.Sprintf("%s is not a user name", quoted(text)), "")
		}
	}
	if text, ok := b.text("become"); ok {
		s.Become = text
		switch text {
		case BecomeSudo, BecomeSudoPassword, BecomeDoas:
		default:
			l.errorf(b.at("become"), fmt.Sprintf("%s is not a way to become root", quoted(text)), "%s",
				didYouMean(text, `It is "sudo", which runs sudo -n, "sudo-password", which asks for the password on the terminal, or "doas", which runs doas -n.`, BecomeSudo, BecomeSudoPassword, BecomeDoas))
		}
	}
	if v, ok := b.value("port", cty.Number); ok {
		if n, whole := intValue(v); whole && 1 <= n && n <= 65535 {
			s.Port = n
		} else {
			l.errorf(b.at("port"), "this is not a port number", "A port is a whole number from 1 to 65535.")
		}
	}
	if text, ok := b.text("identity_file"); ok {
		s.IdentityFile = text
		l.checkPath(b, "identity_file", text)
	}
	s.Jump = l.readJump(b)
	s.JumpHostKeys = l.readJumpHostKeys(b)
	if text, ok := b.text("host_key"); ok {
		s.HostKey = l.parseHostKey(b, "host_key", text)
	}
	return s
}

// overlay returns what the node's own block says, and the cluster's defaults
// where it says nothing.
func overlay(defaults, own SSH) SSH {
	out := own
	if out.User == "" {
		out.User = defaults.User
	}
	if out.Become == "" {
		out.Become = defaults.Become
	}
	if out.Port == 0 {
		out.Port = defaults.Port
	}
	if out.IdentityFile == "" {
		out.IdentityFile = defaults.IdentityFile
	}
	if out.Jump == nil {
		out.Jump = defaults.Jump
	}
	if out.JumpHostKeys == nil {
		out.JumpHostKeys = defaults.JumpHostKeys
	}
	out.args = append([]argRange{}, own.args...)
	for _, a := range defaults.args {
		if own.At(a.name) == own.Range {
			out.args = append(out.args, a)
		}
	}
	return out
}

// parseHostKey reads a public key as the second and third word of a known_hosts
// line.
func (l *loader) parseHostKey(b *body, argument, text string) string {
	fail := func(hint string) string {
		l.errorf(b.at(argument), "this is not a host key", "%s", hint)
		return ""
	}
	const form = `It looks like "ssh-ed25519 AAAA…", as ssh-keyscan prints it behind the host's name.`
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, "SHA256:"), strings.HasPrefix(text, "MD5:"):
		return fail("It is a fingerprint, and the whole key is wanted. " + form)
	case strings.Contains(text, "PRIVATE KEY"):
		return fail("It is a private key: remove it from here, and consider it known to others. " + form)
	case strings.ContainsAny(text, "\r\n"):
		return fail("It has several lines; pin one key. " + form)
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(text))
	switch {
	case err != nil:
		return fail(form)
	case len(options) > 0:
		return fail("There is something before the key's type: leave the host's name out. " + form)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}
