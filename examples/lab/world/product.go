//go:build linux

package world

import (
	"embed"
	"fmt"
	"runtime"
	"strings"
)

//go:embed node
var nodeScripts embed.FS

func nodeScript(name string) string {
	body, err := nodeScripts.ReadFile("node/" + name)
	if err != nil {
		panic(err) // the name is a constant of this package
	}
	return string(body)
}

const zevenet = "/usr/local/zevenet"

func debArch() string { return runtime.GOARCH } // amd64 and arm64 have Debian's names

// migratedIn is the version whose installation converts the configuration to
// format 2, which the versions before it do not understand.
const migratedIn = "6.1.20"

// The same of RELIANOID, whose versions count on their own.
const migratedInRelianoid = "8.5.0"

func configFormat(version string) int {
	if versionLess(version, migratedIn) || !versionLess(version, "7") && versionLess(version, migratedInRelianoid) {
		return 1
	}
	return 2
}

// versionLess compares versions of the form X.Y.Z.
func versionLess(a, b string) bool {
	var x, y [3]int
	fmt.Sscanf(a, "%d.%d.%d", &x[0], &x[1], &x[2])
	fmt.Sscanf(b, "%d.%d.%d", &y[0], &y[1], &y[2])
	for i := range x {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return false
}

// productPackages is the package set of a version of the emulated product. From
// 6.1.20 on a package belongs to it that the versions before do not have: what
// needs apt's --with-new-pkgs.
func productPackages(version string, enterprise []byte) []deb {
	arch := debArch()
	depends := []string{"zevenet-gui-core (>= " + version + ")", "zevenet-ipds (>= " + version + ")"}
	debs := []deb{
		{
			name: "zevenet-gui-core", version: version, architecture: arch,
			description: "web interface of the emulated product (empty)",
			files:       map[string]file{zevenet + "/www/version": text(version + "\n")},
		},
		{
			name: "zevenet-ipds", version: version, architecture: arch,
			description: "intrusion prevention of the emulated product (empty)",
			files:       map[string]file{"/etc/zevenet-ipds.conf": text("# rules of " + version + "\nenabled=no\n")},
			conffiles:   []string{"/etc/zevenet-ipds.conf"},
		},
	}
	if configFormat(version) == 2 {
		depends = append(depends, "health-checks")
		debs = append(debs, deb{
			name: "health-checks", version: "1.1", architecture: arch,
			description: "health checks of the emulated product (empty)",
			files:       map[string]file{zevenet + "/share/health-checks": text("1.1\n")},
		})
	}
	return append(debs, deb{
		name: "zevenet", version: version, architecture: arch,
		depends:     strings.Join(depends, ", "),
		description: "load balancer, emulated for the lab of zup",
		files:       productFiles(version, enterprise),
		scripts: map[string]string{
			"preinst":  nodeScript("maintainer/zevenet.preinst"),
			"postinst": withAbilities(nodeScript("maintainer/zevenet.postinst"), version),
		},
	})
}

func productFiles(version string, enterprise []byte) map[string]file {
	bin := zevenet + "/bin/"
	files := map[string]file{
		"/etc/init.d/zevenet":                   script(withAbilities(nodeScript("product/zevenet.init"), version)),
		zevenet + "/lib/zevenet.sh":             text(nodeScript("product/zevenet.sh")),
		zevenet + "/share/global.conf.template": text(globalConf(version)),
		zevenet + "/share/config_format":        text(fmt.Sprintln(configFormat(version))),
		bin + "enterprise.bin":                  {Mode: 0o755, Data: enterprise},
		bin + "zeninotify":                      {Target: "enterprise.bin"},
		bin + "cluster_status":                  {Target: "enterprise.bin"},
	}
	for _, name := range []string{"zcluster-manager", "farms", "checkglobalconf", "checklicence", "zenbackup.pl"} {
		files[bin+name] = script(nodeScript("product/" + name))
	}
	return files
}

// globalConf is the product's main configuration, in Perl syntax. Lines tagged
// #update are rewritten by every installed version.
func globalConf(version string) string {
	return fmt.Sprintf(`#version of the program
$version="%s"; #update
$basedir="%[2]s"; #update
$configdir="%[2]s/config"; #update
$clu_status="%[2]s/node_status"; #update
#interface of the web server, the administrator's choice
$http_proxy="";
`, version, zevenet)
}
