package config

import (
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
		{"rsadecrypt", "It needs a private key in the configuration, which is not a place for one. What a command needs to know is declared as a secret."},
		{"templatestring", "A quoted string is a template already, and templatefile reads one from a file."},
		{"textdecodebase64", utf8},
		{"textencodebase64", utf8},
		{"timestamp", clock},
		{"type", "It is only for Terraform's console."},
		{"uuid", random + " uuidv5 makes one from a name."},
	}
}

// entry is a function with its implementation, of which it has one: those that
// ask something of the configuration's directory, or of its record, are made for one.
type entry struct {
	Function
	cost    cost // what a call takes; every function has one
	impl    function.Function
	reading func(*answers) function.Function
}

// listed is made when it is first needed, because most runs of zup start faster
// without it.
var listed struct {
	sync.Once
	all []entry
	by  map[string]*entry // name
}

func listEntries() {
	listed.Do(func() {
		listed.all = allEntries()
		listed.by = make(map[string]*entry, len(listed.all))
		for i := range listed.all {
			listed.by[listed.all[i].Name] = &listed.all[i]
		}
	})
}

// entries is the list of all functions.
func entries() []entry {
	listEntries()
	return listed.all
}

// entryOf has every function by name.
func entryOf() map[string]*entry {
	listEntries()
	return listed.by
}

// table holds the functions that some expressions can call. One is made when it is
// first called.
type table struct {
	functions map[string]function.Function
	answers   *answers // nil: none that asks anything
	without   string   // one that can't be called
}

func newTable(a *answers, without string) *table {
	return &table{map[string]function.Function{}, a, without}
}

// entry returns a function, or nil for one that can't be called.
func (t *table) entry(name string) *entry {
	if t.functions == nil { // none can be called
		return nil
	}
	e := entryOf()[name]
	if e == nil || name == t.without || e.reading != nil && t.answers == nil {
		return nil
	}
	return e
}

// use makes a function known to the library, if it can be called.
func (t *table) use(name string) {
	if _, made := t.functions[name]; made {
		return
	}
	switch e := t.entry(name); {
	case e == nil:
	case e.reading != nil:
		t.functions[name] = e.reading(t.answers)
	default:
		t.functions[name] = e.impl
	}
}

func allEntries() []entry {
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
}

func does(name string, takes cost, impl function.Function, summary, example, result string) entry {
	return entry{Function: Function{Name: name, Summary: summary, Example: example, Result: result}, cost: takes, impl: impl}
}

func reads(name string, takes cost, impl func(*answers) function.Function, summary, example, result string) entry {
	return entry{Function: Function{Name: name, Summary: summary, Example: example, Result: result}, cost: takes, reading: impl}
}

func numberFunctions() []entry {
	return []entry{
		does("abs", small, stdlib.AbsoluteFunc, "The number without its sign.", `abs(-3)`, `3`),
		does("ceil", small, stdlib.CeilFunc, "The next whole number that is not smaller.", `ceil(1.2)`, `2`),
		does("floor", small, stdlib.FloorFunc, "The next whole number that is not larger.", `floor(1.8)`, `1`),
		does("log", small, stdlib.LogFunc, "The logarithm of a number to a base.", `log(8, 2)`, `3`),
		does("max", small, stdlib.MaxFunc, "The largest of the numbers.", `max(3, 12, 5)`, `12`),
		does("min", small, stdlib.MinFunc, "The smallest of the numbers.", `min(3, 12, 5)`, `3`),
		does("parseint", parseIntCost, stdlib.ParseIntFunc, "The whole number that a text means in a base from 2 to 62.", `parseint("ff", 16)`, `255`),
		does("pow", small, stdlib.PowFunc, "A number raised to a power.", `pow(2, 10)`, `1024`),
		does("signum", small, stdlib.SignumFunc, "-1, 0 or 1, after the number's sign.", `signum(-7)`, `-1`),
		does("sum", small, sumFunc(), "The sum of a list of numbers that is not empty.", `sum([1, 2, 3])`, `6`),
	}
}

func stringFunctions() []entry {
	return []entry{
		does("chomp", texts(1), stdlib.ChompFunc, "The text without the line feeds at its end.", `chomp("a\n\n")`, `"a"`),
		does("endswith", small, endsWithFunc(), "Whether a text ends with another.", `endswith("edge-1", "-1")`, `true`),
		does("format", formatCost, stdlib.FormatFunc, "A text made from a format and values.", `format("%s-%02d", "edge", 3)`, `"edge-03"`),
		does("formatlist", formatListCost, stdlib.FormatListFunc, "A list of texts made from a format and lists of values.", `formatlist("%s:%d", ["a", "b"], 22)`, `["a:22", "b:22"]`),
		does("indent", indentCost, stdlib.IndentFunc, "The text with every line but the first moved to the right.", `indent(2, "a\nb")`, `"a\n  b"`),
		does("join", joinCost, stdlib.JoinFunc, "One text from a list, with a separator between.", `join(",", ["a", "b"])`, `"a,b"`),
		does("lower", texts(2), stdlib.LowerFunc, "The text in lower case.", `lower("EDGE")`, `"edge"`),
		does("regex", regexCost, stdlib.RegexFunc, "The first match of a regular expression, or an error.", `regex("[0-9]+", "zva5n1")`, `"5"`),
		does("regexall", regexAllCost, stdlib.RegexAllFunc, "All matches of a regular expression.", `regexall("[0-9]+", "zva5n1")`, `["5", "1"]`),
		does("replace", replaceCost, replaceFunc(), "The text with every occurrence of another replaced; between slashes, of a regular expression.", `replace("zva5n1", "/n([0-9])/", "-$1")`, `"zva5-1"`),
		does("split", splitCost, stdlib.SplitFunc, "The parts of a text between separators.", `split(",", "a,b")`, `["a", "b"]`),
		does("startswith", small, startsWithFunc(), "Whether a text begins with another.", `startswith("edge-1", "edge")`, `true`),
		does("strcontains", small, strContainsFunc(), "Whether a text contains another.", `strcontains("edge-1", "ge-")`, `true`),
		does("strrev", characters, stdlib.ReverseFunc, "The text backwards.", `strrev("abc")`, `"cba"`),
		does("substr", characters, stdlib.SubstrFunc, "A part of the text, from an offset and of a length.", `substr("zva5n1", 0, 3)`, `"zva"`),
		does("title", texts(2), stdlib.TitleFunc, "The text with each word's first letter in upper case.", `title("edge pair")`, `"Edge Pair"`),
		does("trim", trimCost, stdlib.TrimFunc, "The text without certain characters at its ends.", `trim("--a--", "-")`, `"a"`),
		does("trimprefix", texts(1), stdlib.TrimPrefixFunc, "The text without a beginning.", `trimprefix("v6.1.20", "v")`, `"6.1.20"`),
		does("trimspace", texts(1), stdlib.TrimSpaceFunc, "The text without blanks at its ends.", `trimspace(" a ")`, `"a"`),
		does("trimsuffix", texts(1), stdlib.TrimSuffixFunc, "The text without an end.", `trimsuffix("a.iso", ".iso")`, `"a"`),
		does("upper", texts(2), stdlib.UpperFunc, "The text in upper case.", `upper("edge")`, `"EDGE"`),
	}
}

func collectionFunctions() []entry {
	return []entry{
		does("alltrue", small, allTrueFunc(), "Whether every element is true; of an empty list, true.", `alltrue([true, false])`, `false`),
		does("anytrue", small, anyTrueFunc(), "Whether an element is true.", `anytrue([true, false])`, `true`),
		does("chunklist", items, stdlib.ChunklistFunc, "The list in pieces of a size.", `chunklist([1, 2, 3], 2)`, `[[1, 2], [3]]`),
		does("coalesce", coalesceCost, coalesceFunc(), "The first value that is neither null nor an empty text.", `coalesce("", null, "a")`, `"a"`),
		does("coalescelist", handedOn, stdlib.CoalesceListFunc, "The first list that is not empty.", `coalescelist([], ["a"])`, `["a"]`),
		does("compact", items, stdlib.CompactFunc, "The list of texts without null and empty ones.", `compact(["a", "", "b"])`, `["a", "b"]`),
		does("concat", items, stdlib.ConcatFunc, "One list from several.", `concat([1], [2, 3])`, `[1, 2, 3]`),
		does("contains", searchCost, stdlib.ContainsFunc, "Whether a list has an element.", `contains(["a", "b"], "b")`, `true`),
		does("distinct", distinctCost, stdlib.DistinctFunc, "The list with each element once.", `distinct(["a", "b", "a"])`, `["a", "b"]`),
		does("element", handedOn, stdlib.ElementFunc, "An element by its index, which starts over at the end.", `element(["a", "b"], 3)`, `"b"`),
		does("flatten", flattenCost, stdlib.FlattenFunc, "The list with the elements of its lists in their place.", `flatten([["a"], ["b", "c"]])`, `["a", "b", "c"]`),
		does("index", searchCost, indexFunc(), "The index of an element in a list, or an error.", `index(["a", "b"], "b")`, `1`),
		does("keys", items, stdlib.KeysFunc, "The keys of a map, sorted.", `keys({ b = 1, a = 2 })`, `["a", "b"]`),
		does("length", small, lengthFunc(), "How many elements a collection or how many characters a text has.", `length("zva5n1")`, `6`),
		does("lookup", handedOn, lookupFunc(), "A map's value for a key, or a default.", `lookup({ a = 1 }, "b", 0)`, `0`),
		does("matchkeys", matchKeysCost, matchKeysFunc(), "The values whose keys, at the same places of another list, are wanted.", `matchkeys(["v1", "v2"], ["a", "b"], ["b"])`, `["v2"]`),
		does("merge", attributes, stdlib.MergeFunc, "One map from several; a later one wins.", `merge({ a = 1 }, { a = 2, b = 3 })`, `{ a = 2, b = 3 }`),
		does("one", handedOn, oneFunc(), "The only element of a list, or null of an empty one.", `one(["a"])`, `"a"`),
		does("range", rangeCost, stdlib.RangeFunc, "A list of numbers, from a start to before an end.", `range(1, 4)`, `[1, 2, 3]`),
		does("reverse", items, stdlib.ReverseListFunc, "The list backwards.", `reverse(["a", "b"])`, `["b", "a"]`),
		does("setintersection", setCost, stdlib.SetIntersectionFunc, "The elements that all sets have.", `setintersection(["a", "b"], ["b", "c"])`, `toset(["b"])`),
		does("setproduct", setProductCost, stdlib.SetProductFunc, "Every combination of one element from each.", `setproduct(["a"], [1, 2])`, `[["a", 1], ["a", 2]]`),
		does("setsubtract", setCost, stdlib.SetSubtractFunc, "The elements of a set that another does not have.", `setsubtract(["a", "b"], ["b"])`, `toset(["a"])`),
		does("setunion", setCost, stdlib.SetUnionFunc, "The elements that any of the sets has.", `setunion(["a"], ["b"])`, `toset(["a", "b"])`),
		does("slice", items, stdlib.SliceFunc, "A part of a list, from an index to before another.", `slice(["a", "b", "c"], 1, 3)`, `["b", "c"]`),
		does("sort", sortCost, stdlib.SortFunc, "The list of texts in order.", `sort(["b", "a"])`, `["a", "b"]`),
		does("transpose", transposeCost, transposeFunc(), "A map of lists with keys and elements swapped.", `transpose({ a = ["x", "y"], b = ["y"] })`, `{ x = ["a"], y = ["a", "b"] }`),
		does("values", items, stdlib.ValuesFunc, "The values of a map, in the order of its keys.", `values({ b = 1, a = 2 })`, `[2, 1]`),
		does("zipmap", attributes, stdlib.ZipmapFunc, "A map from a list of keys and one of values.", `zipmap(["a", "b"], [1, 2])`, `{ a = 1, b = 2 }`),
	}
}

func encodingFunctions() []entry {
	return []entry{
		does("base64decode", texts(1), base64DecodeFunc(), "The text that Base64 stands for.", `base64decode("enVw")`, `"zup"`),
		does("base64encode", texts(2), base64EncodeFunc(), "The text in Base64.", `base64encode("zup")`, `"enVw"`),
		does("csvdecode", decodeCSVCost, stdlib.CSVDecodeFunc, "A list of objects from CSV, whose first line has the names.", `csvdecode("name,ip\na,192.0.2.1\n")`, `[{ name = "a", ip = "192.0.2.1" }]`),
		does("jsondecode", decodeJSONCost, stdlib.JSONDecodeFunc, "The value that JSON stands for.", `jsondecode("{\"a\": [1, true]}")`, `{ a = [1, true] }`),
		does("jsonencode", encodeJSONCost, stdlib.JSONEncodeFunc, "The value in JSON.", `jsonencode({ a = [1, true] })`, `"{\"a\":[1,true]}"`),
		does("urldecode", texts(1), urlDecodeFunc(), "The text that its form for a URL's query stands for.", `urldecode("a%2Fb+c")`, `"a/b c"`),
		does("urlencode", texts(4), urlEncodeFunc(), "The text as it stands in a URL's query.", `urlencode("a/b c")`, `"a%2Fb+c"`),
		does("yamldecode", decodeYAMLCost, yaml.YAMLDecodeFunc, "The value that YAML stands for.", `yamldecode("a: [1, true]")`, `{ a = [1, true] }`),
		does("yamlencode", encodeYAMLCost, yaml.YAMLEncodeFunc, "The value in YAML.", `yamlencode({ a = 1 })`, `"\"a\": 1\n"`),
	}
}

func fileFunctions() []entry {
	return []entry{
		does("basename", small, basenameFunc(), "The last part of a path.", `basename("images/update.iso")`, `"update.iso"`),
		does("dirname", small, dirnameFunc(), "A path without its last part.", `dirname("images/update.iso")`, `"images"`),
		reads("file", handedOn, fileFunc, "The text of a file in the configuration's directory.", `file("greeting.txt")`, `"hello\n"`),
		reads("filebase64", handedOn, fileBase64Func, "A file's bytes in Base64.", `filebase64("greeting.txt")`, `"aGVsbG8K"`),
		reads("fileexists", small, fileExistsFunc, "Whether there is a file.", `fileexists("nothing.txt")`, `false`),
		reads("fileset", handedOn, fileSetFunc, "The files of a directory whose path fits a pattern with *, **, ?, [] and {}.", `fileset(".", "**/*.t{xt,pl}")`, `toset(["greeting.txt", "sub/motd.tpl"])`),
		reads("templatefile", handedOn, templateFileFunc, "A template from a file, with values in it.", `templatefile("sub/motd.tpl", { name = "edge" })`, `"This is edge.\n"`),
	}
}

func timeFunctions() []entry {
	return []entry{
		does("formatdate", texts(4), stdlib.FormatDateFunc, "A time in another form.", `formatdate("DD MMM YYYY", "2024-02-29T23:00:00Z")`, `"29 Feb 2024"`),
		does("timeadd", small, stdlib.TimeAddFunc, "A time moved by a duration.", `timeadd("2024-02-29T23:00:00Z", "2h")`, `"2024-03-01T01:00:00Z"`),
		does("timecmp", small, timeCmpFunc(), "-1, 0 or 1 for a time before, at or after another.", `timecmp("2024-02-29T23:00:00Z", "2024-03-01T01:00:00+02:00")`, `0`),
	}
}

func hashFunctions() []entry {
	return []entry{
		does("base64sha256", small, textHashFunc(sum256, inBase64), "The SHA-256 of a text in Base64.", `base64sha256("zup")`, `"DutCqEqPDiKiChitaqlObLCR1L2Blyt8IEFSI4jG3o8="`),
		does("base64sha512", small, textHashFunc(sum512, inBase64), "The SHA-512 of a text in Base64.", `length(base64sha512("zup"))`, `88`),
		reads("filebase64sha256", small, fileHashFunc(sum256, inBase64), "The SHA-256 of a file in Base64.", `filebase64sha256("greeting.txt")`, `base64sha256("hello\n")`),
		reads("filebase64sha512", small, fileHashFunc(sum512, inBase64), "The SHA-512 of a file in Base64.", `filebase64sha512("greeting.txt")`, `base64sha512("hello\n")`),
		reads("filemd5", small, fileHashFunc(sumMD5, inHex), "The MD5 of a file in hex.", `filemd5("greeting.txt")`, `md5("hello\n")`),
		reads("filesha1", small, fileHashFunc(sum1, inHex), "The SHA-1 of a file in hex.", `filesha1("greeting.txt")`, `sha1("hello\n")`),
		reads("filesha256", small, fileHashFunc(sum256, inHex), "The SHA-256 of a file in hex.", `filesha256("greeting.txt")`, `sha256("hello\n")`),
		reads("filesha512", small, fileHashFunc(sum512, inHex), "The SHA-512 of a file in hex.", `filesha512("greeting.txt")`, `sha512("hello\n")`),
		does("md5", small, textHashFunc(sumMD5, inHex), "The MD5 of a text in hex.", `md5("hello\n")`, `"b1946ac92492d2347c6235b4d2611184"`),
		does("sha1", small, textHashFunc(sum1, inHex), "The SHA-1 of a text in hex.", `sha1("hello\n")`, `"f572d396fae9206628714fb2ce00f72e94f2258f"`),
		does("sha256", small, textHashFunc(sum256, inHex), "The SHA-256 of a text in hex.", `sha256("hello\n")`, `"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"`),
		does("sha512", small, textHashFunc(sum512, inHex), "The SHA-512 of a text in hex.", `substr(sha512("hello\n"), 0, 16)`, `"e7c22b994c59d9cf"`),
		does("uuidv5", small, uuidV5Func(), `The UUID of a name in a namespace: "dns", "url", "oid", "x500" or another UUID.`, `uuidv5("dns", "www.example.com")`, `"2ed6657d-e927-568b-95e1-2665a8aea6a2"`),
	}
}

func networkFunctions() []entry {
	return []entry{
		does("cidrhost", small, cidrHostFunc(), "An address of a network by its number; negative ones count from the end.", `cidrhost("192.0.2.0/24", 10)`, `"192.0.2.10"`),
		does("cidrnetmask", small, cidrNetmaskFunc(), "The mask of an IPv4 network.", `cidrnetmask("192.0.2.0/24")`, `"255.255.255.0"`),
		does("cidrsubnet", small, cidrSubnetFunc(), "A part of a network, by how many bits smaller it is and its number.", `cidrsubnet("192.0.2.0/24", 2, 1)`, `"192.0.2.64/26"`),
		does("cidrsubnets", subnetsCost, cidrSubnetsFunc(), "Parts of a network, one after the other, by how many bits smaller they are.", `cidrsubnets("192.0.2.0/24", 1, 2)`, `["192.0.2.0/25", "192.0.2.128/26"]`),
	}
}

func typeFunctions() []entry {
	return []entry{
		does("can", small, tryfunc.CanFunc, "Whether an expression can be evaluated.", `can(regex("^6\\.", "7.0.0"))`, `false`),
		does("issensitive", small, isSensitiveFunc(), "Whether a value is sensitive.", `issensitive("a")`, `false`),
		reads("nonsensitive", handedOn, nonsensitiveFunc, "The value, which may be shown from now on.", `nonsensitive(sensitive("a"))`, `"a"`),
		reads("sensitive", handedOn, sensitiveFunc, "The value, which must not be shown from now on.", `issensitive(sensitive("a"))`, `true`),
		does("tobool", convertCost(cty.Bool), stdlib.MakeToFunc(cty.Bool), "The value as true or false.", `tobool("true")`, `true`),
		does("tolist", convertCost(cty.List(cty.DynamicPseudoType)), stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), "The value as a list.", `tolist(["a", 1])`, `["a", "1"]`),
		does("tomap", convertCost(cty.Map(cty.DynamicPseudoType)), stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)), "The value as a map.", `tomap({ a = 1 })`, `{ a = 1 }`),
		does("tonumber", convertCost(cty.Number), stdlib.MakeToFunc(cty.Number), "The value as a number.", `tonumber("22")`, `22`),
		does("toset", convertCost(cty.Set(cty.DynamicPseudoType)), stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)), "The value as a set: each element once, in no order.", `length(toset(["a", "b", "a"]))`, `2`),
		does("tostring", convertCost(cty.String), stdlib.MakeToFunc(cty.String), "The value as a text.", `tostring(22)`, `"22"`),
		does("try", handedOn, tryfunc.TryFunc, "The first expression that can be evaluated.", `try({ a = 1 }.b, "none")`, `"none"`),
	}
}
