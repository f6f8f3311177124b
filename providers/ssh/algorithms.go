package ssh

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"zup/providers/ssh/sshconfig"
)

// algorithms are those that ssh_config leaves. A list there narrows what zup takes, and
// never widens it: what zup does not take, because it is broken, stays out whoever adds it.
type algorithms struct {
	transport   ssh.Config // nil lists: all
	hostKeys    []string   // nil: all
	userKeys    nameList   // signatures of keys to log in with
	authorities nameList   // signatures on host certificates
	minRSA      int        // bits; 0: any
}

func (w *words) algorithms() algorithms {
	have := ssh.SupportedAlgorithms()
	a := algorithms{
		hostKeys:    w.narrowed("HostKeyAlgorithms", have.HostKeys),
		userKeys:    nameList(w.settings.Get("PubkeyAcceptedAlgorithms")),
		authorities: nameList(w.settings.Get("CASignatureAlgorithms")),
	}
	a.transport.KeyExchanges = w.narrowed("KexAlgorithms", have.KeyExchanges)
	a.transport.Ciphers = w.narrowed("Ciphers", have.Ciphers)
	a.transport.MACs = w.narrowed("MACs", have.MACs)
	if v, ok := w.settings.Value("RequiredRSASize"); ok {
		var err error
		if a.minRSA, err = strconv.Atoi(v.Args[0]); err != nil {
			w.refuse(v, "RequiredRSASize", fmt.Errorf("%q is not a number of bits", v.Args[0]))
		}
	}
	return a
}

// narrowed returns those of the algorithms at hand that a directive leaves, nil if there
// is no such directive.
func (w *words) narrowed(directive string, have []string) []string {
	v, ok := w.settings.Value(directive)
	if !ok {
		return nil
	}
	left := nameList(v.Args[0]).of(have)
	if len(left) == 0 {
		w.refuse(v, directive, fmt.Errorf("zup takes none of %s, but %s", v.Args[0], strings.Join(have, ",")))
	}
	return left
}

// A nameList is a list of algorithms as ssh_config writes it: +, - or ^ and names with
// commas between them, which may have wildcards. "" is the default of ssh.
type nameList string

// allows reports whether a list leaves an algorithm that zup has.
func (l nameList) allows(name string) bool { return len(l.of([]string{name})) > 0 }

// of returns those names that the list leaves, in its order.
func (l nameList) of(have []string) []string {
	if l == "" {
		return have
	}
	list := string(l)
	in := func(name string) bool { return sshconfig.MatchList(strings.TrimLeft(list, "+-^"), name) }
	switch list[0] {
	case '+':
		return have
	case '-':
		return slices.DeleteFunc(slices.Clone(have), in)
	case '^':
		return append(slices.DeleteFunc(slices.Clone(have), func(n string) bool { return !in(n) }), slices.DeleteFunc(slices.Clone(have), in)...)
	}
	var left []string
	for pattern := range strings.SplitSeq(list, ",") {
		for _, name := range have {
			if sshconfig.Match(pattern, name) && !slices.Contains(left, name) {
				left = append(left, name)
			}
		}
	}
	return left
}

// tooSmall returns an error for an RSA key of fewer bits than there have to be.
func (a algorithms) tooSmall(key ssh.PublicKey) error {
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	k, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return nil
	}
	if r, ok := k.CryptoPublicKey().(*rsa.PublicKey); ok && r.N.BitLen() < a.minRSA {
		return fmt.Errorf("an RSA key of %d bits, and RequiredRSASize is %d", r.N.BitLen(), a.minRSA)
	}
	return nil
}

// signatures returns with which algorithms a key may log in, without those that the
// settings forbid; an error if none is left.
func (a algorithms) signatures(key ssh.PublicKey) ([]string, error) {
	if err := a.tooSmall(key); err != nil {
		return nil, err
	}
	cert, isCert := key.(*ssh.Certificate)
	typ := key.Type()
	if isCert {
		typ = cert.Key.Type()
	}
	all := []string{typ}
	if typ == ssh.KeyAlgoRSA {
		all = []string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSA}
	}
	if a.userKeys == "" {
		return all, nil
	}
	left := slices.DeleteFunc(all, func(name string) bool {
		if isCert {
			if name = strings.TrimSuffix(name, "@openssh.com") + "-cert-v01@openssh.com"; name == ssh.CertAlgoRSAv01 {
				return true
			}
		}
		return !a.userKeys.allows(name)
	})
	if len(left) == 0 {
		return nil, errors.New("PubkeyAcceptedAlgorithms leaves it out")
	}
	return left, nil
}

// algorithmDirectives are what ssh_config and sshd_config call what two sides have to agree on.
var algorithmDirectives = []struct{ what, directive string }{
	{"key exchange", "KexAlgorithms"},
	{"host key", "HostKeyAlgorithms"},
	{"cipher", "Ciphers"},
	{"MAC", "MACs"},
}

// narrowedBy returns the directive that narrows what was to be agreed on, and its place;
// "" where there is none.
func (e *endpoint) narrowedBy(what string) string {
	for _, d := range algorithmDirectives {
		if v, ok := e.settings.Value(d.directive); ok && strings.Contains(what, d.what) {
			return d.directive + " at " + v.At()
		}
	}
	return ""
}
