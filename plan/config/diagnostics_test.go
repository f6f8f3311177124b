package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
)

func TestWriteJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.zup.hcl", "cluster \"zevenet\" \"edge\" {\n\tversion = \"6.1\" # <&>\n  node \"n1\" { address = \"192.0.2.1\" }\n}\n")
	write(t, dir, "a.zup.vars", "typo = 1\n")
	_, diags := Load(dir, Options{Products: family, Vars: []VarArg{{Name: "x", Value: "1"}}})
	var b bytes.Buffer
	if err := diags.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	const want = `{
  "format_version": "1.0",
  "valid": false,
  "error_count": 2,
  "warning_count": 1,
  "diagnostics": [
    {
      "severity": "error",
      "summary": "-var: variable \"x\" is not declared",
      "detail": "No file of the configuration has a variable block with this name."
    },
    {
      "severity": "error",
      "summary": "\"6.1\" is not an exact version",
      "detail": "It has fewer than three numbers, which leaves open what will be installed. Write one such as \"6.1.20\".",
      "range": {
        "filename": "a.zup.hcl",
        "start": {
          "line": 2,
          "column": 12,
          "byte": 38
        },
        "end": {
          "line": 2,
          "column": 17,
          "byte": 43
        }
      },
      "snippet": {
        "context": "cluster \"zevenet\" \"edge\"",
        "code": "    version = \"6.1\" # <&>",
        "start_line": 2,
        "highlight_start_offset": 14,
        "highlight_end_offset": 19,
        "values": []
      }
    },
    {
      "severity": "warning",
      "summary": "variable \"typo\" is not declared",
      "detail": "The value is not used.",
      "range": {
        "filename": "a.zup.vars",
        "start": {
          "line": 1,
          "column": 1,
          "byte": 0
        },
        "end": {
          "line": 1,
          "column": 5,
          "byte": 4
        }
      },
      "snippet": {
        "context": null,
        "code": "typo = \"(sensitive)\"",
        "start_line": 1,
        "highlight_start_offset": 0,
        "highlight_end_offset": 4,
        "values": []
      }
    }
  ]
}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestWriteJSONOfNothing(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := new(Diagnostics).WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Valid       bool
		Diagnostics []any
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || !got.Valid || got.Diagnostics == nil {
		t.Errorf("%s: %v", b.String(), err)
	}
}

// A caller finds more that is wrong and shows it with the same text.
func TestAdd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.zup.hcl", "cluster \"zevenet\" \"edge\" {\n  version = \"5.0.1\"\n  node \"n1\" { address = \"192.0.2.1\" }\n}\n")
	cfg, diags := Load(dir, Options{Products: family})
	at := cfg.Clusters[0].At("version")
	diags.Add(&hcl.Diagnostic{Severity: hcl.DiagError, Summary: "version 5.0.1 is below 6", Subject: &at})
	const want = `Error: version 5.0.1 is below 6

  on a.zup.hcl line 2, in cluster "zevenet" "edge":
   2:   version = "5.0.1"
                  ^^^^^^^

`
	if diff := cmp.Diff(want, printed(t, diags)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !diags.HasErrors() {
		t.Error("HasErrors is false")
	}

	elsewhere := &Diagnostics{}
	elsewhere.Add(&hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: "s\x1b", Detail: "d\x1b\ne", Subject: &hcl.Range{Filename: "x\x1b", Start: hcl.InitialPos}})
	if got, want := printed(t, elsewhere), "Warning: s\\x1b\n\n  on x\\x1b line 1\n\nd\\x1b\ne\n\n"; got != want {
		t.Errorf("without a source: %q, want %q", got, want)
	}
}

type failingWriter struct{}

var errFull = errors.New("disk full")

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrors(t *testing.T) {
	t.Parallel()
	d := &Diagnostics{All: hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "s"}}}
	if err := d.WriteText(failingWriter{}, false, 0); !errors.Is(err, errFull) {
		t.Errorf("WriteText: %v", err)
	}
	if err := d.WriteJSON(failingWriter{}); !errors.Is(err, errFull) {
		t.Errorf("WriteJSON: %v", err)
	}
}

func TestSnippet(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	for _, tt := range []struct {
		name, text    string
		start, end    int
		columns       int
		before, shown string // before the place, and the place itself
		after         string
	}{
		{"plain", "a\nb = 12\n", 6, 8, 80, "b = ", "12", ""},
		{"tabs", "\ta\tb", 3, 4, 80, "    a   ", "b", ""},
		{"tab after wide", "日\tb", 4, 5, 80, "日  ", "b", ""},
		{"end of line", "ab\ncd\n", 2, 3, 80, "ab", "", ""},
		{"end of file", "ab\n", 3, 3, 80, "", "", ""},
		{"several lines", "a = [\n1\n]\n", 4, 9, 80, "a = ", "[", ""},
		{"carriage return", "ab\r\ncd", 0, 4, 80, "", "ab", ""},
		{"mark first", "\ufeffab", 0, 5, 80, "", "ab", ""},
		{"escape", "a\x1bb", 1, 2, 80, "a", `\x1b`, "b"},
		{"long before", long + "AB", 300, 302, 20, "…" + long[:17], "AB", ""},
		{"long after", "AB" + long, 0, 2, 20, "", "AB", long[:17] + "…"},
		{"long around", long + "AB" + long, 300, 302, 20, "…xxxxxxxx", "AB", "xxxxxxxx…"},
		{"long place", "A" + long + "B", 1, 301, 20, "A", "xxxxxxxxx…", "B"},
		{"long wide", strings.Repeat("日", 30) + "A", 90, 91, 10, "…日日日日", "A", ""},
	} {
		src := &source{text: []byte(tt.text)}
		src.seal()
		rng := hcl.Range{Start: hcl.Pos{Byte: tt.start}, End: hcl.Pos{Byte: tt.end}}
		before, shown, after := src.snippet(rng).fit(tt.columns)
		if before != tt.before || shown != tt.shown || after != tt.after {
			t.Errorf("%s: %q %q %q, want %q %q %q", tt.name, before, shown, after, tt.before, tt.shown, tt.after)
		}
	}
}

func TestShown(t *testing.T) {
	t.Parallel()
	src := &source{text: []byte("0123456789")}
	src.secrets = []span{{6, 8}, {2, 4}, {3, 5}}
	src.seal()
	for _, tt := range []struct {
		span
		want string
	}{
		{span{0, 10}, `01"(sensitive)"5"(sensitive)"89`},
		{span{0, 2}, `01`},
		{span{3, 4}, `"(sensitive)"`},
		{span{4, 7}, `"(sensitive)"5"(sensitive)"`},
		{span{5, 6}, `5`},
		{span{3, 3}, ``},
		{span{8, 10}, `89`},
	} {
		if got := src.shown(tt.span); got != tt.want {
			t.Errorf("shown(%v) = %s, want %s", tt.span, got, tt.want)
		}
	}
	if got, want := src.widen(span{4, 7}), (span{2, 8}); got != want {
		t.Errorf("widen = %v, want %v", got, want)
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in    string
		width int
		want  string
	}{
		{"one two three", 0, "one two three"},
		{"one two three", 7, "one two\nthree"},
		{"one two three", 3, "one\ntwo\nthree"},
		{"unbreakable", 3, "unbreakable"},
		{"a b\n  laid out by hand\nc d", 3, "a b\n  laid out by hand\nc d"},
		{"日本 日本", 8, "日本\n日本"},
		{"日本 日本", 9, "日本 日本"},
		{"a\n\nb", 10, "a\n\nb"},
	} {
		if got := wrap(tt.in, tt.width); got != tt.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.in, tt.width, got, tt.want)
		}
	}
}

func TestNear(t *testing.T) {
	t.Parallel()
	known := []string{"tcp", "http", "node", "name", "version", "switchover", "max_interruption"}
	for name, want := range map[string]string{
		"tpc": "tcp", "tcpp": "tcp", "htp": "http", "nmae": "name", "Node": "node", "versoin": "version",
		"swichover": "switchover", "switch_over": "switchover", "maxinteruption": "max_interruption",
		"udp": "", "xy": "", "switch": "", "address": "", "": "",
	} {
		if got := near(name, known...); got != want {
			t.Errorf("near(%q) = %q, want %q", name, got, want)
		}
	}
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "axc", 1}, {"ca", "abc", 3}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
