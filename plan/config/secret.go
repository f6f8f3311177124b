package config

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"zup/plan/name"
)

// Secret is a secret block. Its value is in the environment of whoever applies, as
// ZUP_SECRET_ and the name; nothing in this package ever sees it.
type Secret struct {
	Name        string // a letter or underscore, then letters, digits and underscores
	Description string

	Place
}

// secretPrefix begins the name of the environment variable with a secret's value.
const secretPrefix = "ZUP_SECRET_"

func (l *loader) declareSecrets() {
	l.secrets = make(map[string]*Secret, len(l.blocks.secret))
	for _, block := range l.blocks.secret {
		l.hideValue(block)
		b := l.body(block, secretLayout)
		s := &Secret{Name: block.Labels[0], Place: b.place}
		if !name.Secret(s.Name) {
			l.errorf(&block.LabelRanges[0], fmt.Sprintf("secret %s has no usable name", quoted(s.Name)),
				"It becomes part of the name of an environment variable: letters, digits and underscores, 63 at most, and no digit at its beginning.")
		}
		if text, ok := l.constant(b, "description", cty.String, false); ok {
			s.Description = text.AsString()
		}
		if first := l.secrets[s.Name]; first != nil {
			l.errorf(&block.LabelRanges[0], fmt.Sprintf("secret %q is declared twice", s.Name), "The first declaration is at %s.", lineOf(first.Range))
			continue
		}
		l.secrets[s.Name] = s
		l.inOrderOfSecrets = append(l.inOrderOfSecrets, s)
	}
}

// hideValue keeps what somebody has written into a secret block from being shown: it may
// be the secret.
func (l *loader) hideValue(block *hcl.Block) {
	attrs, _ := block.Body.JustAttributes()
	for name, attr := range attrs {
		if name != "description" {
			l.sources[attr.Range.Filename].hide(attr.Expr.Range())
		}
	}
}

// unreadable says that an expression refers to a secret.
func (l *loader) unreadable(name string, at *hcl.Range) {
	example := name
	if example == "" {
		example = "NAME"
	}
	l.errorf(at, "no expression can read a secret", "Its value goes from the environment, %s%s, to the commands of the snapshot blocks that name it, and nowhere else: secrets = [%q]", secretPrefix, example, example)
}

// readSecrets reads which secrets the commands of a snapshot block get.
func (l *loader) readSecrets(b *body) []string {
	v, ok := b.value("secrets", cty.List(cty.String))
	if !ok {
		return nil
	}
	var names []string
	for _, name := range stringsOf(v) {
		switch {
		case slices.Contains(names, name):
			l.errorf(b.at("secrets"), fmt.Sprintf("secret %s is in the list twice", quoted(name)), "Name each secret once.")
		case l.secrets[name] == nil && !l.incomplete:
			l.errorf(b.at("secrets"), fmt.Sprintf("secret %s is not declared", quoted(name)), "%s",
				l.hint(name, fmt.Sprintf("Declare it: secret %s { }", quoted(name)), sortedKeys(l.secrets)))
		default:
			names = append(names, name)
			l.usedSecrets[name] = true
		}
	}
	slices.Sort(names)
	return names
}

// checkSecrets warns of secrets that no command gets.
func (l *loader) checkSecrets() {
	if l.incomplete || l.hasErrors() {
		return
	}
	for _, s := range l.inOrderOfSecrets {
		if !l.usedSecrets[s.Name] {
			l.warnf(&s.Range, fmt.Sprintf("secret %q is not used", s.Name), "No command gets it. A snapshot block says which ones its commands get: secrets = [%q]", s.Name)
		}
	}
}
