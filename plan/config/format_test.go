package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFormat(t *testing.T) {
	t.Parallel()
	const messy = `# head
cluster   "zevenet" "edge"{
version="6.1.20"   # exact
    switchover   =   "drain"
  // a comment
  node "n1"   {
  address="192.0.2.1"
     }


  probe "web" { tcp="192.0.2.10:80" }
  snapshot {
    create=["a",
      "{name}"]
    list=<<EOT
  as it is
EOT
  }
}
`
	const tidy = `# head
cluster "zevenet" "edge" {
  version    = "6.1.20" # exact
  switchover = "drain"
  // a comment
  node "n1" {
    address = "192.0.2.1"
  }


  probe "web" { tcp = "192.0.2.10:80" }
  snapshot {
    create = ["a",
    "{name}"]
    list = <<EOT
  as it is
EOT
  }
}
`
	out, diags := Format([]byte(messy), "a.zup.hcl")
	if len(diags.All) > 0 {
		t.Fatal(printed(t, diags))
	}
	if diff := cmp.Diff(tidy, string(out)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	again, _ := Format(out, "a.zup.hcl")
	if diff := cmp.Diff(tidy, string(again)); diff != "" {
		t.Errorf("formatted again:\n%s", diff)
	}
}

func TestFormatLeavesAlone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, file, text, diagnostics string }{
		{"JSON", "a.zup.json", `{"a":1}`, ""},
		{"broken JSON", "a.zup.json", `{"a":`, ""},
		{"empty", "a.zup.hcl", "", ""},
		{"tidy", "x.zup.vars", "a = 1\n", ""},
		{"broken", "a.zup.hcl", "cluster \"a\" {\nversion=\n}\n", `Error: invalid expression

  on a.zup.hcl line 2, in cluster "a":
   2: version=
              ^

Expected the start of an expression, but found an invalid expression token.

`},
		{"secret", "a.zup.hcl", "variable \"a\" {\nsensitive=true\ndefault= hunter2 hunter2\n}\n", `Error: missing newline after argument

  on a.zup.hcl line 3, in variable "a":
   3: "(sensitive)"
      ^^^^^^^^^^^^^

The details are withheld, because this may be the value of a sensitive variable.

`},
	} {
		out, diags := Format([]byte(tt.text), tt.file)
		if string(out) != tt.text {
			t.Errorf("%s: became %q", tt.name, out)
		}
		if diff := cmp.Diff(tt.diagnostics, printed(t, diags)); diff != "" {
			t.Errorf("%s: diagnostics (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestFormatTooLargeOrDeep(t *testing.T) {
	t.Parallel()
	text := "a = " + strings.Repeat("(", 1000) + "1" + strings.Repeat(")", 1000) + "\n"
	if _, diags := Format([]byte(text), "a.zup.hcl"); !diags.HasErrors() {
		t.Error("a thousand parentheses are formatted")
	}
}
