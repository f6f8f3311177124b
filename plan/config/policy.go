package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// Policy reads of the configuration in a directory only what it demands of every
// plan: Config.Approval, Windows, Freezes and Rules. Nobody need give its variables a
// value for that, unless one of these blocks depends on it, which is an error then.
// Config is nil, without an error, where the directory has no configuration.
func Policy(dir string, opts Options) (*Config, *Diagnostics) {
	l := newLoader(opts)
	l.policyOnly = true
	if !l.hasFiles(dir) {
		return nil, l.finish()
	}
	return l.watched(func() *Config { return l.load(dir) })
}

func (l *loader) hasFiles(dir string) bool {
	d, err := openDirectory(dir)
	if err != nil {
		return true // load says what is wrong with it
	}
	defer d.close()
	names, err := d.list()
	if err != nil {
		return true
	}
	for _, name := range names {
		if isConfiguration(name) {
			return true
		}
	}
	return false
}

// readPolicy reads the blocks that demand something of every plan.
func (l *loader) readPolicy() *Config {
	l.inPolicy = true
	defer func() { l.inPolicy = false }()
	windows, freezes, rules := l.readWindows(), l.readFreezes(), l.readRules()
	return &Config{Windows: windows, Freezes: freezes, Rules: rules, Approval: l.readApproval()}
}

// needsValue reports that an argument of the policy depends on a variable to which
// nobody gave a value. It does nothing where everything is read.
func (l *loader) needsValue(expr hcl.Expression) {
	if !l.policyOnly || !l.inPolicy {
		return
	}
	at := expr.Range()
	l.errorf(&at, "depends on a variable that has no value",
		"What this configuration demands of every plan has to be known before one is applied. Give the variable a default, a value in a *.zup.vars file beside the configuration, or one in the environment: %s and its name.", envPrefix)
}

// missingValue reports a variable that nobody gave a value. Where only the policy is
// read it matters to what depends on it.
func (l *loader) missingValue(v *variable) {
	if l.policyOnly {
		return
	}
	l.errorf(&v.header, fmt.Sprintf("variable %q has no value", v.name),
		"It has no default. Give it a value in one of three ways:\n  -var %s=… on the command line, or -var-file with a file\n  %s%s=… in the environment\n  %s = … in a *.zup.vars file beside the configuration",
		v.name, envPrefix, v.name, v.name)
}
