package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// evaluate evaluates an expression with the functions of testdata/functions.
func evaluate(t *testing.T, expr string) (cty.Value, hcl.Diagnostics) {
	t.Helper()
	dir, err := openDirectory("testdata/functions")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.close()
	parsed, diags := hclsyntax.ParseExpression([]byte(expr), "expr", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", expr, diags)
	}
	b := &budget{}
	callable := newTable(&answers{budget: b, dir: dir}, "")
	return b.meter(parsed, callable).Value(&hcl.EvalContext{Functions: callable.functions})
}

// The documentation shows every function with an example. Each is true.
func TestFunctionExamples(t *testing.T) {
	t.Parallel()
	for _, f := range Functions() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			if f.Group == "" || !strings.HasSuffix(f.Summary, ".") || !strings.Contains(f.Example, f.Name+"(") {
				t.Errorf("incomplete: %+v", f)
			}
			got, diags := evaluate(t, f.Example)
			if diags.HasErrors() {
				t.Fatalf("%s: %v", f.Example, diags)
			}
			want, diags := evaluate(t, f.Result)
			if diags.HasErrors() {
				t.Fatalf("%s: %v", f.Result, diags)
			}
			want, err := convert.Convert(want, got.Type())
			if err != nil || !got.RawEquals(want) {
				t.Errorf("%s = %#v, want %#v (%v)", f.Example, got, want, err)
			}
		})
	}
}

// terraformFunctions are those of Terraform 1.14.
const terraformFunctions = `
	abs abspath alltrue anytrue base64decode base64encode base64gunzip base64gzip base64sha256 base64sha512 basename bcrypt
	can ceil chomp chunklist cidrhost cidrnetmask cidrsubnet cidrsubnets coalesce coalescelist compact concat contains
	csvdecode dirname distinct element endswith ephemeralasnull file filebase64 filebase64sha256 filebase64sha512
	fileexists filemd5 fileset filesha1 filesha256 filesha512 flatten floor format formatdate formatlist indent index
	issensitive join jsondecode jsonencode keys length list log lookup lower map matchkeys max md5 merge min nonsensitive
	one parseint pathexpand plantimestamp pow range regex regexall replace reverse rsadecrypt sensitive setintersection
	setproduct setsubtract setunion sha1 sha256 sha512 signum slice sort split startswith strcontains strrev substr sum
	templatefile templatestring textdecodebase64 textencodebase64 timeadd timecmp timestamp title tobool tolist tomap
	tonumber toset tostring transpose trim trimprefix trimspace trimsuffix try type upper urldecode urlencode uuid uuidv5
	values yamldecode yamlencode zipmap`

func TestFunctionsAreThoseOfTerraform(t *testing.T) {
	t.Parallel()
	var here []string
	for _, f := range Functions() {
		here = append(here, f.Name)
	}
	for _, o := range OmittedFunctions() {
		if !strings.HasSuffix(o.Reason, ".") {
			t.Errorf("%s: the reason is not a sentence: %q", o.Name, o.Reason)
		}
		here = append(here, o.Name)
	}
	slices.Sort(here)
	if dups := len(here) - len(slices.Compact(slices.Clone(here))); dups > 0 {
		t.Errorf("%d functions are listed twice", dups)
	}
	there := strings.Fields(terraformFunctions)
	for _, name := range there {
		if !slices.Contains(here, name) {
			t.Errorf("Terraform has %s, and nothing is said about it", name)
		}
	}
	for _, name := range here {
		if !slices.Contains(there, name) {
			t.Errorf("%s is not one of Terraform's", name)
		}
	}
	callable := newTable(&answers{dir: &directory{}}, "")
	for _, f := range Functions() {
		if callable.use(f.Name); callable.entry(f.Name) == nil {
			t.Errorf("%s is described and can't be called", f.Name)
		}
	}
	if len(callable.functions) != len(Functions()) {
		t.Errorf("%d functions can be called, %d are described", len(callable.functions), len(Functions()))
	}
}

// What the examples don't reach: arguments that are refused, and the corners in
// which our functions differ from those of the library.
func TestFunctionCorners(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ expr, want string }{ // want: another expression, or "error: " and a part of it
		{`sum([])`, `error: an empty list has no sum`},
		{`sum([1, null])`, `error: null`},
		{`alltrue([])`, `true`},
		{`alltrue([true, null])`, `false`},
		{`anytrue([])`, `false`},
		{`coalesce("", "b")`, `"b"`},
		{`coalesce(null, 5)`, `5`},
		{`coalesce("", null)`, `error: no argument`},
		{`coalesce([], 1)`, `error: same type`},
		{`index(["a"], "z")`, `error: does not have this element`},
		{`index({}, "z")`, `error: a list is required`},
		{`length([1, 2])`, `2`},
		{`length({ a = 1 })`, `1`},
		{`length("日本")`, `2`},
		{`length(5)`, `error: a collection or a text`},
		{`lookup({ a = 1 }, "a")`, `1`},
		{`lookup({ a = 1 }, "b")`, `error: does not have this key`},
		{`lookup({ a = 1, b = "x" }, "b", null)`, `"x"`},
		{`lookup({}, "b", 1, 2)`, `error: one default`},
		{`lookup("a", "b")`, `error: a map is required`},
		{`matchkeys([1, 2], ["a", "b"], ["c"])`, `[]`},
		{`matchkeys([1, 2, 3], ["a", "b", "a"], ["a"])`, `[1, 3]`},
		{`matchkeys([1], ["a", "b"], ["c"])`, `error: as many keys`},
		{`one([])`, `null`},
		{`one(toset([]))`, `null`},
		{`one([1, 2])`, `error: more than one`},
		{`one("a")`, `error: a list or set`},
		{`transpose({})`, `{}`},
		{`transpose({ a = null })`, `error: null`},
		{`replace("a.b", ".", "-")`, `"a-b"`},
		{`replace("a/b", "/", "-")`, `"a-b"`},
		{`replace("ab", "/(/", "-")`, `error: missing closing`},
		{`base64decode("!")`, `error: not Base64`},
		{`base64decode("//8=")`, `error: UTF-8`},
		{`urldecode("%zz")`, `error: not encoded`},
		{`uuidv5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com")`, `uuidv5("dns", "www.example.com")`},
		{`uuidv5("6ba7b8109dad11d180b400c04fd430c8", "a")`, `error: a UUID`},
		{`uuidv5("url", "a")`, `"e1407479-3136-56c0-9908-bb02fb0339e2"`},
		{`uuidv5("oid", "a")`, `"d720e32d-4765-5177-b65b-42dd7f6e6445"`},
		{`uuidv5("x500", "a")`, `"54a0a790-c611-5b5b-b50e-ff01490ecdfa"`},
		{`timecmp("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z")`, `-1`},
		{`timecmp("now", "2024-01-02T00:00:00Z")`, `error: not a time`},
		{`cidrhost("2001:db8::/64", -1)`, `"2001:db8::ffff:ffff:ffff:ffff"`},
		{`cidrhost("192.0.2.0/24", 256)`, `error: prefix`},
		{`cidrhost("192.0.2.0/24", 1.5)`, `error: whole number`},
		{`cidrhost("192.0.2.1", 1)`, `error: not a network`},
		{`cidrhost("192.0.02.0/24", 1)`, `error: not a network`},
		{`cidrnetmask("2001:db8::/32")`, `error: only IPv4`},
		{`cidrsubnet("192.0.2.0/24", 9, 0)`, `error: 8 bits to give`},
		{`cidrsubnet("192.0.2.0/24", 1, 2)`, `error: `},
		{`cidrsubnet("192.0.2.0/24", 1/0, 2)`, `error: `},
		{`cidrsubnets("192.0.2.0/24")`, `[]`},
		{`cidrsubnets("192.0.2.0/24", 1, 1, 1)`, `error: no room`},
		{`cidrsubnets("0.0.0.0/0", 1, 1, 1)`, `error: no room`},
		{`cidrsubnets("2001:db8::/32", 16, 32)`, `["2001:db8::/48", "2001:db8:1::/64"]`},
		{`fileexists("greeting.txt")`, `true`},
		{`fileexists("sub")`, `error: is a directory`},
		{`fileset("sub", "*")`, `toset(["motd.tpl"])`},
		{`fileset(".", "**")`, `toset(["greeting.txt", "sub/motd.tpl"])`},
		{`fileset(".", "*/m?td.[st]pl")`, `toset(["sub/motd.tpl"])`},
		{`fileset(".", "nothing*")`, `toset([])`},
		{`fileset("nothing", "*")`, `error: no file "nothing"`},
		{`fileset(".", join("", [for i in range(11): "{a,b}"]))`, `error: alternatives`},
		{`fileset(".", "}{")`, `toset([])`},
		{`templatefile("sub/motd.tpl", {})`, `error: uses "name" in line 1`},
		{`templatefile("sub/motd.tpl", { name = 5 })`, `"This is 5.\n"`},
		{`file(basename(dirname("a/greeting.txt/b")))`, `"hello\n"`},
		{`nonsensitive("a")`, `"a"`},
		{`try(sensitive("a")) == "a"`, `sensitive(true)`},
		{`can(file("nothing"))`, `false`},
		{`[for s in ["a"] : issensitive(upper(sensitive(s)))]`, `[true]`},
	} {
		got, diags := evaluate(t, tt.expr)
		if part, wanted := strings.CutPrefix(tt.want, "error: "); wanted {
			if !diags.HasErrors() || !strings.Contains(diags.Error(), part) {
				t.Errorf("%s = %#v, %v; want an error with %q", tt.expr, got, diags, part)
			}
			continue
		}
		if diags.HasErrors() {
			t.Errorf("%s: %v", tt.expr, diags)
			continue
		}
		want, _ := evaluate(t, tt.want)
		if converted, err := convert.Convert(want, got.Type()); err != nil || !got.RawEquals(converted) {
			t.Errorf("%s = %#v, want %#v (%v)", tt.expr, got, want, err)
		}
	}
}
