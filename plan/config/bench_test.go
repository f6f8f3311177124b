package config

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkLoad reads a directory of many clusters, a hundred to a file, each
// with two nodes, a probe and a snapshot block, and some values from variables
// and local values. The time grows with the number of clusters and no faster.
func BenchmarkLoad(b *testing.B) {
	for _, clusters := range []int{1, 1000, 10000} {
		b.Run(fmt.Sprintf("clusters=%d", clusters), func(b *testing.B) {
			dir := b.TempDir()
			writeMany(b, dir, clusters)
			b.ReportAllocs()
			for b.Loop() {
				cfg, diags := Load(dir, Options{Products: family})
				if diags.HasErrors() || len(cfg.Clusters) != clusters {
					b.Fatal(printed(b, diags))
				}
			}
		})
	}
}

func writeMany(tb testing.TB, dir string, clusters int) {
	write(tb, dir, "main.zup.hcl", "variable \"target\" {\n  default = \"6.1.20\"\n}\nlocals {\n  user = \"root\"\n}\n")
	const each = 100
	for first := 0; first < clusters; first += each {
		var text strings.Builder
		for i := first; i < min(first+each, clusters); i++ {
			text.WriteString(clusterNumber(i))
		}
		write(tb, dir, fmt.Sprintf("clusters%03d.zup.hcl", first/each), text.String())
	}
}

func clusterNumber(i int) string {
	const form = `
cluster "zevenet" "edge%[1]d" {
  version          = var.target
  switchover       = "drain"
  max_interruption = "1s"

  ssh {
    user = local.user
  }
  node "zva%[1]dn1" {
    address = "10.%[2]d.%[3]d.1"
  }
  node "zva%[1]dn2" {
    address = "10.%[2]d.%[3]d.2"
  }
  snapshot {
    create  = ["virsh", "snapshot-create-as", "{node}", "{name}"]
    restore = ["virsh", "snapshot-revert", "{node}", "{name}"]
  }
  probe "web" {
    http     = "http://192.0.2.10/edge%[1]d"
    interval = "20ms"
  }
}
`
	return fmt.Sprintf(form, i, i/250, i%250)
}

// BenchmarkLoadMistakes is a large configuration in which every cluster has some.
func BenchmarkLoadMistakes(b *testing.B) {
	dir := b.TempDir()
	var text strings.Builder
	for i := range 5000 {
		text.WriteString(strings.ReplaceAll(clusterNumber(i), "switchover", "swichover"))
	}
	write(b, dir, "a.zup.hcl", text.String())
	b.ReportAllocs()
	for b.Loop() {
		_, diags := Load(dir, Options{Products: family})
		if errors, _ := diags.Counts(); errors != 3*5000 {
			b.Fatal(errors)
		}
		var out strings.Builder
		if err := diags.WriteText(&out, false, 80); err != nil {
			b.Fatal(err)
		}
	}
}
