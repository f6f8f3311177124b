package config

import (
	"fmt"

	version "github.com/hashicorp/go-version"
	"github.com/zclconf/go-cty/cty"
)

// checkRequiredVersion reports whether this zup may read the configuration. If
// not, nothing else is said: what looks wrong may be what a later zup knows.
func (l *loader) checkRequiredVersion() bool {
	ours, err := version.NewVersion(l.opts.Version)
	fits := true
	for _, block := range l.blocks.zup {
		b := l.body(block, zupLayout)
		text, ok := l.constant(b, "required_version", cty.String, false)
		if !ok {
			continue
		}
		const longest = 1000
		wanted, cerr := version.NewConstraint(clipped(text.AsString(), longest))
		switch {
		case cerr != nil:
			l.errorf(b.at("required_version"), fmt.Sprintf("%s is not a version requirement", quoted(text.AsString())),
				`Write one such as ">= 0.1", "~> 1.2" or ">= 0.1, < 2".`)
		case err == nil && !wanted.Check(ours.Core()):
			l.errorf(b.at("required_version"), fmt.Sprintf("this configuration needs zup %s", wanted),
				"This is zup %s. Nothing else was checked, because another version may read the files differently.", l.opts.Version)
			fits = false
		}
	}
	return fits
}
