package config

import (
	"maps"
	"sync"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// Function describes a function that expressions can call.
type Function struct {
	Name    string
	Group   string // what it works on: "string", "number", …
	Summary string // one sentence
	Example string // an expression; a test evaluates it …
	Result  string // … and compares it with this one
}

// OmittedFunction is one that Terraform has and zup does not, on purpose.
type OmittedFunction struct {
	Name   string
	Reason string // in sentences, for the one who called it
}

// Functions describes every function of the language, by group and name. The
// documentation is generated from it.
func Functions() []Function {
	out := make([]Function, 0, len(entries()))
	for _, e := range entries() {
		out = append(out, e.Function)
	}
	return out
}

// OmittedFunctions lists what a user of Terraform may look for in vain.
func OmittedFunctions() []OmittedFunction {
	const clock = "A plan made twice from the same files is the same plan, so an expression can't ask for the time. Hand it in with -var, and use timeadd and formatdate on it."
	const random = "A plan made twice from the same files is the same plan, so nothing random can be in it."
	const machine = "Its result depends on the machine that zup runs on, and the plan would too. path.root and relative paths don't."
	const utf8 = "zup reads and writes UTF-8 only."
	const compressed = "What a compressor writes changes from one version of it to the next, and the plan would too."
	return []OmittedFunction{
		{"abspath", machine},
		{"base64gunzip", compressed},
		{"base64gzip", compressed},
		{"bcrypt", random},
		{"ephemeralasnull", "There are no ephemeral values here."},
		{"list", "Write a list in brackets: [a, b]."},
		{"map", "Write a map in braces: { a = b }."},
		{"pathexpand", machine + ` Arguments that take a path of your own, such as identity_file, understand "~/".`},
		{"plantimestamp", clock},
		{"rsadecrypt", "It needs a private key in the configuration, which is no place for one. Hand the secret in through a sensitive variable."},
		{"templatestring", "A quoted string is a template already, and templatefile reads one from a file."},
		{"textdecodebase64", utf8},
		{"textencodebase64", utf8},
		{"timestamp", clock},
		{"type", "It is only for Terraform's console."},
		{"uuid", random + " uuidv5 makes one from a name."},
	}
}

// entry is a function with its implementation, of which it has one: those that
// read files are made for a directory.
type entry struct {
	Function
	impl    function.Function
	reading func(*directory) function.Function
}

// functionTable has the functions that need no directory, by name; the others
// are in it without an implementation.
var functionTable = sync.OnceValue(func() map[string]function.Function {
	table := make(map[string]function.Function, len(entries()))
	for _, e := range entries() {
		table[e.Name] = e.impl
	}
	return table
})

// callable returns every function, with those that read files reading in this
// directory.
func (d *directory) callable() map[string]function.Function {
	if d.functions == nil {
		d.functions = maps.Clone(functionTable())
		for _, e := range entries() {
			if e.reading != nil {
				d.functions[e.Name] = e.reading(d)
			}
		}
		d.functions["nonsensitive"] = nonsensitiveIn(&d.questions)
		if d.replayed {
			d.functions["sensitive"] = withheldFunc()
		}
	}
	return d.functions
}

// entries is the list of all functions. It is made when it is first needed,
// because most runs of zup start faster without it.
var entries = sync.OnceValue(func() []entry {
	var all []entry
	add := func(group string, functions ...entry) {
		for _, f := range functions {
			f.Group = group
			all = append(all, f)
		}
	}
	add("number", numberFunctions()...)
	add("string", stringFunctions()...)
	add("collection", collectionFunctions()...)
	add("encoding", encodingFunctions()...)
	add("file", fileFunctions()...)
	add("time", timeFunctions()...)
	add("hash", hashFunctions()...)
	add("network", networkFunctions()...)
	add("type", typeFunctions()...)
	return all
})

func does(name string, impl function.Function, summary, example, result string) entry {
	return entry{Function: Function{Name: name, Summary: summary, Example: example, Result: result}, impl: impl}
}

func reads(name string, impl func(*directory) function.Function, summary, example, result string) entry {
	return entry{Function: Function{Name: name, Summary: summary, Example: example, Result: result}, reading: impl}
}

func numberFunctions() []entry {
	return []entry{
		does("abs", stdlib.AbsoluteFunc, "The number without its sign.", `abs(-3)`, `3`),
		does("ceil", stdlib.CeilFunc, "The next whole number that is not smaller.", `ceil(1.2)`, `2`),
		does("floor", stdlib.FloorFunc, "The next whole number that is not larger.", `floor(1.8)`, `1`),
		does("log", stdlib.LogFunc, "The logarithm of a number to a base.", `log(8, 2)`, `3`),
		does("max", stdlib.MaxFunc, "The largest of the numbers.", `max(3, 12, 5)`, `12`),
		does("min", stdlib.MinFunc, "The smallest of the numbers.", `min(3, 12, 5)`, `3`),
		does("parseint", stdlib.ParseIntFunc, "The whole number that a text means in a base from 2 to 62.", `parseint("ff", 16)`, `255`),
		does("pow", stdlib.PowFunc, "A number raised to a power.", `pow(2, 10)`, `1024`),
		does("signum", stdlib.SignumFunc, "-1, 0 or 1, after the number's sign.", `signum(-7)`, `-1`),
		does("sum", sumFunc(), "The sum of a list of numbers that is not empty.", `sum([1, 2, 3])`, `6`),
	}
}

func stringFunctions() []entry {
	return []entry{
		does("chomp", stdlib.ChompFunc, "The text without the line feeds at its end.", `chomp("a\n\n")`, `"a"`),
		does("endswith", endsWithFunc(), "Whether a text ends with another.", `endswith("edge-1", "-1")`, `true`),
		does("format", stdlib.FormatFunc, "A text made from a format and values.", `format("%s-%02d", "edge", 3)`, `"edge-03"`),
		does("formatlist", stdlib.FormatListFunc, "A list of texts made from a format and lists of values.", `formatlist("%s:%d", ["a", "b"], 22)`, `["a:22", "b:22"]`),
		does("indent", stdlib.IndentFunc, "The text with every line but the first moved to the right.", `indent(2, "a\nb")`, `"a\n  b"`),
		does("join", stdlib.JoinFunc, "One text from a list, with a separator between.", `join(",", ["a", "b"])`, `"a,b"`),
		does("lower", stdlib.LowerFunc, "The text in lower case.", `lower("EDGE")`, `"edge"`),
		does("regex", stdlib.RegexFunc, "The first match of a regular expression, or an error.", `regex("[0-9]+", "zva5n1")`, `"5"`),
		does("regexall", stdlib.RegexAllFunc, "All matches of a regular expression.", `regexall("[0-9]+", "zva5n1")`, `["5", "1"]`),
		does("replace", replaceFunc(), "The text with every occurrence of another replaced; between slashes, of a regular expression.", `replace("zva5n1", "/n([0-9])/", "-$1")`, `"zva5-1"`),
		does("split", stdlib.SplitFunc, "The parts of a text between separators.", `split(",", "a,b")`, `["a", "b"]`),
		does("startswith", startsWithFunc(), "Whether a text begins with another.", `startswith("edge-1", "edge")`, `true`),
		does("strcontains", strContainsFunc(), "Whether a text contains another.", `strcontains("edge-1", "ge-")`, `true`),
		does("strrev", stdlib.ReverseFunc, "The text backwards.", `strrev("abc")`, `"cba"`),
		does("substr", stdlib.SubstrFunc, "A part of the text, from an offset and of a length.", `substr("zva5n1", 0, 3)`, `"zva"`),
		does("title", stdlib.TitleFunc, "The text with each word's first letter in upper case.", `title("edge pair")`, `"Edge Pair"`),
		does("trim", stdlib.TrimFunc, "The text without certain characters at its ends.", `trim("--a--", "-")`, `"a"`),
		does("trimprefix", stdlib.TrimPrefixFunc, "The text without a beginning.", `trimprefix("v6.1.20", "v")`, `"6.1.20"`),
		does("trimspace", stdlib.TrimSpaceFunc, "The text without blanks at its ends.", `trimspace(" a ")`, `"a"`),
		does("trimsuffix", stdlib.TrimSuffixFunc, "The text without an end.", `trimsuffix("a.iso", ".iso")`, `"a"`),
		does("upper", stdlib.UpperFunc, "The text in upper case.", `upper("edge")`, `"EDGE"`),
	}
}

func collectionFunctions() []entry {
	return []entry{
		does("alltrue", allTrueFunc(), "Whether every element is true; of an empty list, true.", `alltrue([true, false])`, `false`),
		does("anytrue", anyTrueFunc(), "Whether an element is true.", `anytrue([true, false])`, `true`),
		does("chunklist", stdlib.ChunklistFunc, "The list in pieces of a size.", `chunklist([1, 2, 3], 2)`, `[[1, 2], [3]]`),
		does("coalesce", coalesceFunc(), "The first value that is neither null nor an empty text.", `coalesce("", null, "a")`, `"a"`),
		does("coalescelist", stdlib.CoalesceListFunc, "The first list that is not empty.", `coalescelist([], ["a"])`, `["a"]`),
		does("compact", stdlib.CompactFunc, "The list of texts without null and empty ones.", `compact(["a", "", "b"])`, `["a", "b"]`),
		does("concat", stdlib.ConcatFunc, "One list from several.", `concat([1], [2, 3])`, `[1, 2, 3]`),
		does("contains", stdlib.ContainsFunc, "Whether a list has an element.", `contains(["a", "b"], "b")`, `true`),
		does("distinct", stdlib.DistinctFunc, "The list with each element once.", `distinct(["a", "b", "a"])`, `["a", "b"]`),
		does("element", stdlib.ElementFunc, "An element by its index, which starts over at the end.", `element(["a", "b"], 3)`, `"b"`),
		does("flatten", stdlib.FlattenFunc, "The list with the elements of its lists in their place.", `flatten([["a"], ["b", "c"]])`, `["a", "b", "c"]`),
		does("index", indexFunc(), "The index of an element in a list, or an error.", `index(["a", "b"], "b")`, `1`),
		does("keys", stdlib.KeysFunc, "The keys of a map, sorted.", `keys({ b = 1, a = 2 })`, `["a", "b"]`),
		does("length", lengthFunc(), "How many elements a collection or how many characters a text has.", `length("zva5n1")`, `6`),
		does("lookup", lookupFunc(), "A map's value for a key, or a default.", `lookup({ a = 1 }, "b", 0)`, `0`),
		does("matchkeys", matchKeysFunc(), "The values whose keys, at the same places of another list, are wanted.", `matchkeys(["v1", "v2"], ["a", "b"], ["b"])`, `["v2"]`),
		does("merge", stdlib.MergeFunc, "One map from several; a later one wins.", `merge({ a = 1 }, { a = 2, b = 3 })`, `{ a = 2, b = 3 }`),
		does("one", oneFunc(), "The only element of a list, or null of an empty one.", `one(["a"])`, `"a"`),
		does("range", stdlib.RangeFunc, "A list of numbers, from a start to before an end.", `range(1, 4)`, `[1, 2, 3]`),
		does("reverse", stdlib.ReverseListFunc, "The list backwards.", `reverse(["a", "b"])`, `["b", "a"]`),
		does("setintersection", stdlib.SetIntersectionFunc, "The elements that all sets have.", `setintersection(["a", "b"], ["b", "c"])`, `toset(["b"])`),
		does("setproduct", stdlib.SetProductFunc, "Every combination of one element from each.", `setproduct(["a"], [1, 2])`, `[["a", 1], ["a", 2]]`),
		does("setsubtract", stdlib.SetSubtractFunc, "The elements of a set that another does not have.", `setsubtract(["a", "b"], ["b"])`, `toset(["a"])`),
		does("setunion", stdlib.SetUnionFunc, "The elements that any of the sets has.", `setunion(["a"], ["b"])`, `toset(["a", "b"])`),
		does("slice", stdlib.SliceFunc, "A part of a list, from an index to before another.", `slice(["a", "b", "c"], 1, 3)`, `["b", "c"]`),
		does("sort", stdlib.SortFunc, "The list of texts in order.", `sort(["b", "a"])`, `["a", "b"]`),
		does("transpose", transposeFunc(), "A map of lists with keys and elements swapped.", `transpose({ a = ["x", "y"], b = ["y"] })`, `{ x = ["a"], y = ["a", "b"] }`),
		does("values", stdlib.ValuesFunc, "The values of a map, in the order of its keys.", `values({ b = 1, a = 2 })`, `[2, 1]`),
		does("zipmap", stdlib.ZipmapFunc, "A map from a list of keys and one of values.", `zipmap(["a", "b"], [1, 2])`, `{ a = 1, b = 2 }`),
	}
}

func encodingFunctions() []entry {
	return []entry{
		does("base64decode", base64DecodeFunc(), "The text that Base64 stands for.", `base64decode("enVw")`, `"zup"`),
		does("base64encode", base64EncodeFunc(), "The text in Base64.", `base64encode("zup")`, `"enVw"`),
		does("csvdecode", stdlib.CSVDecodeFunc, "A list of objects from CSV, whose first line has the names.", `csvdecode("name,ip\na,192.0.2.1\n")`, `[{ name = "a", ip = "192.0.2.1" }]`),
		does("jsondecode", stdlib.JSONDecodeFunc, "The value that JSON stands for.", `jsondecode("{\"a\": [1, true]}")`, `{ a = [1, true] }`),
		does("jsonencode", stdlib.JSONEncodeFunc, "The value in JSON.", `jsonencode({ a = [1, true] })`, `"{\"a\":[1,true]}"`),
		does("urldecode", urlDecodeFunc(), "The text that its form for a URL's query stands for.", `urldecode("a%2Fb+c")`, `"a/b c"`),
		does("urlencode", urlEncodeFunc(), "The text as it stands in a URL's query.", `urlencode("a/b c")`, `"a%2Fb+c"`),
		does("yamldecode", yaml.YAMLDecodeFunc, "The value that YAML stands for.", `yamldecode("a: [1, true]")`, `{ a = [1, true] }`),
		does("yamlencode", yaml.YAMLEncodeFunc, "The value in YAML.", `yamlencode({ a = 1 })`, `"\"a\": 1\n"`),
	}
}

func fileFunctions() []entry {
	return []entry{
		does("basename", basenameFunc(), "The last part of a path.", `basename("images/update.iso")`, `"update.iso"`),
		does("dirname", dirnameFunc(), "A path without its last part.", `dirname("images/update.iso")`, `"images"`),
		reads("file", fileFunc, "The text of a file in the configuration's directory.", `file("greeting.txt")`, `"hello\n"`),
		reads("filebase64", fileBase64Func, "A file's bytes in Base64.", `filebase64("greeting.txt")`, `"aGVsbG8K"`),
		reads("fileexists", fileExistsFunc, "Whether there is a file.", `fileexists("nothing.txt")`, `false`),
		reads("fileset", fileSetFunc, "The files of a directory whose path fits a pattern with *, **, ?, [] and {}.", `fileset(".", "**/*.t{xt,pl}")`, `toset(["greeting.txt", "sub/motd.tpl"])`),
		reads("templatefile", templateFileFunc, "A template from a file, with values in it.", `templatefile("sub/motd.tpl", { name = "edge" })`, `"This is edge.\n"`),
	}
}

func timeFunctions() []entry {
	return []entry{
		does("formatdate", stdlib.FormatDateFunc, "A time in another form.", `formatdate("DD MMM YYYY", "2024-02-29T23:00:00Z")`, `"29 Feb 2024"`),
		does("timeadd", stdlib.TimeAddFunc, "A time moved by a duration.", `timeadd("2024-02-29T23:00:00Z", "2h")`, `"2024-03-01T01:00:00Z"`),
		does("timecmp", timeCmpFunc(), "-1, 0 or 1 for a time before, at or after another.", `timecmp("2024-02-29T23:00:00Z", "2024-03-01T01:00:00+02:00")`, `0`),
	}
}

func hashFunctions() []entry {
	return []entry{
		does("base64sha256", textHashFunc(sum256, inBase64), "The SHA-256 of a text in Base64.", `base64sha256("zup")`, `"DutCqEqPDiKiChitaqlObLCR1L2Blyt8IEFSI4jG3o8="`),
		does("base64sha512", textHashFunc(sum512, inBase64), "The SHA-512 of a text in Base64.", `length(base64sha512("zup"))`, `88`),
		reads("filebase64sha256", fileHashFunc(sum256, inBase64), "The SHA-256 of a file in Base64.", `filebase64sha256("greeting.txt")`, `base64sha256("hello\n")`),
		reads("filebase64sha512", fileHashFunc(sum512, inBase64), "The SHA-512 of a file in Base64.", `filebase64sha512("greeting.txt")`, `base64sha512("hello\n")`),
		reads("filemd5", fileHashFunc(sumMD5, inHex), "The MD5 of a file in hex.", `filemd5("greeting.txt")`, `md5("hello\n")`),
		reads("filesha1", fileHashFunc(sum1, inHex), "The SHA-1 of a file in hex.", `filesha1("greeting.txt")`, `sha1("hello\n")`),
		reads("filesha256", fileHashFunc(sum256, inHex), "The SHA-256 of a file in hex.", `filesha256("greeting.txt")`, `sha256("hello\n")`),
		reads("filesha512", fileHashFunc(sum512, inHex), "The SHA-512 of a file in hex.", `filesha512("greeting.txt")`, `sha512("hello\n")`),
		does("md5", textHashFunc(sumMD5, inHex), "The MD5 of a text in hex.", `md5("hello\n")`, `"b1946ac92492d2347c6235b4d2611184"`),
		does("sha1", textHashFunc(sum1, inHex), "The SHA-1 of a text in hex.", `sha1("hello\n")`, `"f572d396fae9206628714fb2ce00f72e94f2258f"`),
		does("sha256", textHashFunc(sum256, inHex), "The SHA-256 of a text in hex.", `sha256("hello\n")`, `"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"`),
		does("sha512", textHashFunc(sum512, inHex), "The SHA-512 of a text in hex.", `substr(sha512("hello\n"), 0, 16)`, `"e7c22b994c59d9cf"`),
		does("uuidv5", uuidV5Func(), `The UUID of a name in a namespace: "dns", "url", "oid", "x500" or another UUID.`, `uuidv5("dns", "www.example.com")`, `"2ed6657d-e927-568b-95e1-2665a8aea6a2"`),
	}
}

func networkFunctions() []entry {
	return []entry{
		does("cidrhost", cidrHostFunc(), "An address of a network by its number; negative ones count from the end.", `cidrhost("192.0.2.0/24", 10)`, `"192.0.2.10"`),
		does("cidrnetmask", cidrNetmaskFunc(), "The mask of an IPv4 network.", `cidrnetmask("192.0.2.0/24")`, `"255.255.255.0"`),
		does("cidrsubnet", cidrSubnetFunc(), "A part of a network, by how many bits smaller it is and its number.", `cidrsubnet("192.0.2.0/24", 2, 1)`, `"192.0.2.64/26"`),
		does("cidrsubnets", cidrSubnetsFunc(), "Parts of a network, one after the other, by how many bits smaller they are.", `cidrsubnets("192.0.2.0/24", 1, 2)`, `["192.0.2.0/25", "192.0.2.128/26"]`),
	}
}

func typeFunctions() []entry {
	return []entry{
		does("can", tryfunc.CanFunc, "Whether an expression can be evaluated.", `can(regex("^6\\.", "7.0.0"))`, `false`),
		does("issensitive", isSensitiveFunc(), "Whether a value is sensitive.", `issensitive("a")`, `false`),
		does("nonsensitive", nonsensitiveFunc(), "The value, which may be shown from now on.", `nonsensitive(sensitive("a"))`, `"a"`),
		does("sensitive", sensitiveFunc(), "The value, which must not be shown from now on.", `issensitive(sensitive("a"))`, `true`),
		does("tobool", stdlib.MakeToFunc(cty.Bool), "The value as true or false.", `tobool("true")`, `true`),
		does("tolist", stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), "The value as a list.", `tolist(["a", 1])`, `["a", "1"]`),
		does("tomap", stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)), "The value as a map.", `tomap({ a = 1 })`, `{ a = 1 }`),
		does("tonumber", stdlib.MakeToFunc(cty.Number), "The value as a number.", `tonumber("22")`, `22`),
		does("toset", stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)), "The value as a set: each element once, in no order.", `length(toset(["a", "b", "a"]))`, `2`),
		does("tostring", stdlib.MakeToFunc(cty.String), "The value as a text.", `tostring(22)`, `"22"`),
		does("try", tryfunc.TryFunc, "The first expression that can be evaluated.", `try({ a = 1 }.b, "none")`, `"none"`),
	}
}
