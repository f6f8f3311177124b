//go:build linux

package world

import (
	"bytes"
	"fmt"
	"strings"
)

// product is one of the emulated products. The node's files are written for
// Zevenet EE; a successor's are made from them by its names.
type product struct {
	name     string
	from, to string // versions that a world has where Options names no others
	codename string // of the Debian that its repository is for
	names    *strings.Replacer
	updater  string            // its script, where that is not the family's
	more     map[string]string // symbolic links that its package has besides: target by path
	perl     bool              // its enterprise.bin is a Perl script and no compiled program
}

// products is what the lab can emulate. The names are those of docs/procedure.md;
// those marked there as read nowhere are assumed here too, so the lab can't tell
// whether they are right. Version numbers of SKUDONET and RELIANOID are examples.
var products = []product{
	{name: "zevenet", from: DefaultFrom, to: DefaultTo, codename: "buster", names: strings.NewReplacer(), updater: "checkupgrades"},
	{
		name: "skudonet", from: DefaultFrom, to: DefaultTo, codename: "buster", updater: "checkupgrades",
		names: strings.NewReplacer("zevenet", "skudonet", "Zevenet::", "Skudonet::", "Zevenet", "SKUDONET"),
	},
	{
		name: "relianoid", from: "8.4.0", to: "8.5.0", codename: "bookworm", updater: "noid-updater",
		names: strings.NewReplacer(
			"/etc/init.d/zevenet", "/usr/local/relianoid/bin/relianoid",
			"Zevenet::API40::System::Cluster", "Relianoid::EE::HTTP::Controllers::API::System::Cluster",
			"zevenet-gui-core", "relianoid-gui", "z6000", "noid", "checkupgrades", "noid-updater", "zenbackup.pl", "noid-backup", "zcluster-manager", "noid-cluster-manager", "zeninotify", "noid-cluster-notify",
			"zlbcertfile.pem", "activation-cert.pem", "zlb-start", "noid-start", "zlb-stop", "noid-stop",
			"buster main", "bookworm main", "zevenet", "relianoid", "Zevenet", "RELIANOID",
		),
		more: map[string]string{"/usr/local/zevenet": "relianoid"},
	},
}

// Products lists the names of the products that the lab can emulate.
func Products() []string {
	names := make([]string, len(products))
	for i, p := range products {
		names[i] = p.name
	}
	return names
}

// productNamed finds a product; "" is Zevenet.
func productNamed(name string) (product, error) {
	if name == "" {
		return products[0], nil
	}
	for _, p := range products {
		if p.name == name {
			return p, nil
		}
	}
	return product{}, fmt.Errorf("product: %q is none of %s", name, strings.Join(Products(), ", "))
}

func (p product) text(s string) string { return p.names.Replace(s) }

// files gives paths and contents the product's names; programs stay as they are.
func (p product) files(all map[string]file) map[string]file {
	named := make(map[string]file, len(all))
	for path, f := range all {
		if !bytes.HasPrefix(f.Data, []byte("\x7fELF")) {
			f.Data = []byte(p.text(string(f.Data)))
		}
		f.Target = p.text(f.Target)
		named[p.text(path)] = f
	}
	return named
}

// packages is the package set of a version of the product.
func (p product) packages(version string, enterprise []byte) []deb {
	debs := productPackages(version, enterprise)
	for i := range debs {
		d := &debs[i]
		own := d.name == "zevenet"
		if own {
			d.files[zevenet+"/bin/checkupgrades"] = script(withAbilities(nodeScript("product/"+p.updater), version))
		}
		d.name, d.depends, d.description, d.files = p.text(d.name), p.text(d.depends), p.text(d.description), p.files(d.files)
		for j := range d.conffiles {
			d.conffiles[j] = p.text(d.conffiles[j])
		}
		for name := range d.scripts {
			d.scripts[name] = p.text(d.scripts[name])
		}
		if own {
			if p.perl {
				d.files[p.text(zevenet+"/lib/enterprise")] = file{Mode: 0o755, Data: enterprise}
				d.files[p.text(zevenet+"/bin/enterprise.bin")] = script(p.text(nodeScript("product/enterprise.pl")))
			}
			for path, target := range p.more {
				d.files[path] = file{Target: target}
			}
		}
	}
	if p.name == "relianoid" {
		debs = append(debs, relianoidExtras(version)...)
	}
	return debs
}

// goesOn reports whether RELIANOID's updater of this version purges, autoremoves and
// installs when everything is upgraded; the Enterprise Edition counts 8.5 where the
// community edition counts 7.9.
func goesOn(version string) bool {
	if versionLess(version, "8.0.0") {
		return !versionLess(version, "7.9.0")
	}
	return !versionLess(version, "8.5.0")
}

// relianoidExtras are packages that no other one needs: those that the updater purges are
// there as long as it does not, and what it installs in the end is there once there was a
// version that does.
func relianoidExtras(version string) []deb {
	extra := func(name, version string) deb {
		return deb{name: name, version: version, architecture: debArch(), description: "of the emulated product (empty)",
			files: map[string]file{"/usr/share/relianoid/" + name: text(version + "\n")}}
	}
	if versionLess(version, "7.10.0") || !versionLess(version, "8.0.0") && versionLess(version, "8.6.0") {
		return []deb{extra("zproxy", "0.4"), extra("gdnsd", "3.8.0~deb10u1")}
	}
	return []deb{extra("relianoid-cli", version)}
}

// withAbilities gives a script of the product what its version could do: the
// updater, the end of the service's start and the package's own script have changed.
func withAbilities(script, version string) string {
	ability := "role"
	switch {
	case versionLess(version, "6.0.16"):
		ability = "none"
	case versionLess(version, "6.1.1"):
		ability = "plain"
	case !versionLess(version, "6.1.2") && versionLess(version, "6.1.4"):
		ability = "inverted"
	}
	failsBack := "yes"
	if !versionLess(version, "6.1.0") && versionLess(version, "6.1.11") {
		failsBack = "no"
	}
	killsFarms := "yes"
	if versionLess(version, "6.1.0") {
		killsFarms = "no"
	}
	agent := "own"
	if versionLess(version, "6.1.20") {
		agent = "any"
	}
	script = strings.NewReplacer(
		"\nABILITY=role\n", "\nABILITY="+ability+"\n", "\nFAILS_BACK=yes\n", "\nFAILS_BACK="+failsBack+"\n", "\nAGENT=own\n", "\nAGENT="+agent+"\n",
		"\nKILLS_FARMS=yes\n", "\nKILLS_FARMS="+killsFarms+"\n",
	).Replace(script)
	if !goesOn(version) { // nor is that in a text of before
		script = strings.Replace(script, "\t\tafter_upgrade\n", "", 1)
		if before, rest, ok := strings.Cut(script, "# Since 7.9.0, or"); ok {
			_, after, _ := strings.Cut(rest, "\n}\n")
			script = before + strings.TrimPrefix(after, "\n")
		}
	}
	if ability == "none" { // zup reads what an updater can do in its text
		script = withoutInstall.Replace(script)
	}
	return script
}

// withoutInstall takes what -i is out of an updater's text.
var withoutInstall = strings.NewReplacer("\n-i) upgrade ;;\n", "\n", "\n\t\t  -i         install the new packages\n", "\n")
