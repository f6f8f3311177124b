//go:build linux

package world

import (
	"bytes"
	"text/template"
)

// ConfigOptions is what can be chosen in the configuration that a world has for
// zup; the zero value leaves everything to zup's defaults.
type ConfigOptions struct {
	Switchover string // drain or restart
	Boost      bool
	Reboot     bool   // reboot nodes that wait for it
	Master     string // who shall be MASTER in the end
	Interval   string // of the probes; "" means 20ms
	NoProbes   bool
	Budget     string // max_interruption; "" means none
	Package    string // path of an offline image; "" means none
	SHA256     string // of the image; "" is not said
	Snapshots  bool   // a snapshot block with SnapshotCommand
	ByName     bool   // the nodes' names are all that it says: the rest is in ssh_config
	KeepFor    string // keep_for of the snapshot block; "" means for ever
}

var configTemplate = template.Must(template.New("config").Funcs(template.FuncMap{
	"number":    func(i int) int { return i + 1 },
	"bracketed": bracketed,
}).Parse(`cluster "{{.Product}}" "{{.Name}}" {
  version    = "{{.To}}"
{{- with .Switchover}}
  switchover = "{{.}}"
{{- end}}
{{- if .Boost}}
  boost      = true
{{- end}}
{{- if .Reboot}}
  reboot     = "if-needed"
{{- end}}
{{- with .Master}}
  master     = "{{.}}"
{{- end}}
{{- with .Budget}}
  max_interruption = "{{.}}"
{{- end}}
{{with .Package}}
  package {
    offline = "{{.}}"
{{- with $.SHA256}}
    sha256  = "{{.}}"
{{- end}}
  }
{{end}}
{{- if not .ByName}}
  ssh {
    user          = "root"
    identity_file = "{{.Identity}}"
  }
{{- end}}
{{- if .Snapshots}}

  snapshot {
    create  = ["{{.Command}}", "create", "{node}", "{name}"]
    restore = ["{{.Command}}", "restore", "{node}", "{name}"]
    delete  = ["{{.Command}}", "delete", "{node}", "{name}"]
    list    = ["{{.Command}}", "list", "{node}"]
{{- with .KeepFor}}

    keep_for = "{{.}}"
{{- end}}
  }
{{- end}}
{{range $i, $node := .Nodes}}{{if or (eq $i 0) (not $.Alone)}}
  node "{{.Name}}" {
{{- if $.ByName}}
    address = "{{.Name}}"
{{- else}}
    address = "{{.Address}}"
    ssh {
      host_key = "{{.HostKey}}"
    }
{{- end}}
  }
{{end}}{{end}}
{{- if not .NoProbes}}{{$interval := .Interval}}{{range $i, $vip := .VIPs}}
  probe "web{{number $i}}" {
    http     = "http://{{bracketed $vip}}/"
    interval = "{{$interval}}"
    timeout  = "900ms"
  }
{{end}}{{end -}}
}
`))

// Config is a cluster as a .zup.hcl file names it: what a person would write,
// with the nodes' host keys pinned.
func (w *World) Config(c Cluster, o ConfigOptions) string {
	if o.Interval == "" {
		o.Interval = "20ms"
	}
	var b bytes.Buffer
	err := configTemplate.Execute(&b, struct {
		Cluster
		ConfigOptions
		Identity string
		Command  string
	}{c, o, w.Identity, SnapshotCommand})
	if err != nil {
		panic(err) // the template is a constant and writing to memory can't fail
	}
	return b.String()
}
