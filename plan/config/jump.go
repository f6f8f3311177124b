package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// readJump reads how to get to a node: "user@host:port", several of them with
// commas between, or a list. An empty list and ssh's own word "none" mean
// directly, whatever the cluster's ssh block and ssh_config say.
func (l *loader) readJump(b *body) []Hop {
	texts, ok := b.oneOrMore("jump")
	if !ok {
		return nil
	}
	hops := []Hop{}
	if len(texts) == 1 && texts[0] == "none" {
		return hops
	}
	for _, text := range texts {
		for part := range strings.SplitSeq(text, ",") {
			hop, err := parseHop(strings.TrimSpace(part))
			if err != nil {
				l.errorf(b.at("jump"), fmt.Sprintf("%s is not a host to jump through", quoted(part)), `%s It looks like "user@host:port"; user and port may be left out.`, sentence(err.Error()))
				continue
			}
			if len(hops) == maxHops {
				l.errorf(b.at("jump"), "there are too many hosts on the way", "There can be %d.", maxHops)
				return hops
			}
			hops = append(hops, hop)
		}
	}
	return hops
}

// maxHops is how many hosts there can be on the way to a node.
const maxHops = 16

// oneOrMore reads an argument that is a string or a list of strings.
func (b *body) oneOrMore(name string) ([]string, bool) {
	v, ok := b.raw(name)
	if !ok {
		return nil, false
	}
	if shallow, _ := v.Unmark(); shallow.Type().IsPrimitiveType() {
		text, ok := b.text(name)
		return []string{text}, ok
	}
	v, ok = b.value(name, cty.List(cty.String))
	if !ok {
		return nil, false
	}
	return stringsOf(v), true
}

func stringsOf(list cty.Value) []string {
	out := make([]string, 0, list.LengthInt())
	for _, v := range list.Elements() {
		out = append(out, v.AsString())
	}
	return out
}

func parseHop(s string) (Hop, error) {
	var h Hop
	if strings.Contains(s, "://") {
		return h, errors.New("it is written like a URL")
	}
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		h.User, s = s[:i], s[i+1:]
		if h.User == "" || strings.ContainsFunc(h.User, func(r rune) bool { return isControl(r) || r == ' ' }) || h.User[0] == '-' {
			return h, errors.New("the part before the @ is not a user name")
		}
	}
	h.Host = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if host, port, err := net.SplitHostPort(s); err == nil {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return h, errors.New("the port is not a number from 1 to 65535")
		}
		h.Host, h.Port = host, n
	}
	if hint := addressProblem(h.Host); hint != "" {
		return h, errors.New(lowerFirst(strings.TrimSuffix(hint, ".")))
	}
	return h, nil
}

// readJumpHostKeys reads the keys of jump hosts: an object from HOST or HOST:PORT to the
// key.
func (l *loader) readJumpHostKeys(b *body) map[string]string {
	const argument = "jump_host_keys"
	v, ok := b.value(argument, cty.Map(cty.String))
	if !ok {
		return nil
	}
	keys := make(map[string]string, v.LengthInt())
	for name, key := range v.AsValueMap() {
		if hop, err := parseHop(name); err != nil || hop.User != "" {
			l.errorf(b.at(argument), fmt.Sprintf("%s is not a jump host", quoted(name)), `It looks like "host" or "host:port", as jump has it, without a user.`)
			continue
		}
		keys[name] = l.parseHostKey(b, argument, key.AsString())
	}
	return keys
}

// checkJumpHostKeys looks for a key of a host that is not on the way to a node. Which
// hosts are, ssh_config may say.
func (l *loader) checkJumpHostKeys(n Node) {
	for _, name := range slices.Sorted(maps.Keys(n.SSH.JumpHostKeys)) {
		key, err := parseHop(name)
		meant := func(h Hop) bool { return h.Host == key.Host && (h.Port == key.Port || h.Port == 0 || key.Port == 0) }
		if err != nil || len(n.SSH.Jump) == 0 || slices.ContainsFunc(n.SSH.Jump, meant) {
			continue
		}
		var way []string
		for _, h := range n.SSH.Jump {
			way = append(way, h.Host)
		}
		at := n.SSH.At("jump_host_keys")
		l.errorf(&at, fmt.Sprintf("nobody jumps through %s", quoted(name)), "The way to node %q is through %s.", n.Name, strings.Join(way, ", "))
	}
}
