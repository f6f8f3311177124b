package escape

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// cases are what goes in and what comes out, by kind. Where want is empty the text
// stays as it is.
var cases = []struct{ kind, in, want string }{
	// What is read: every language stays readable.
	{"Line", "Zürich, café, naïve, Ærø, Łódź, œuvre, straße, señor, Dvořák, İstanbul", ""},
	{"Line", "東京のサーバーを更新する", ""},
	{"Line", "zva5n1を6.1.20に更新", ""},
	{"Line", "ノードzva5n1はマスター", ""},
	{"Line", "서버 업데이트", ""},
	{"Line", "更新（緊急）：夜间", ""},
	{"Line", "Обновление сервера до 6.1.20", ""},
	{"Line", "сора и сор, как обычно; нос", ""}, // "сор" alone could be read as "cop"
	{"Line", "Ενημέρωση του διακομιστή", ""},
	{"Line", "ใช้zupอัปเดต", ""},
	{"Line", "עדכון השרת", ""},
	{"Line", "تحديث الخادم", ""},
	{"Line", "सर्वर अपडेट", ""},
	{"Line", "Tiếng Việt: Cập nhật máy chủ", ""},
	{"Line", "Kasım ayında güncelleme yapıldı", ""},
	{"Line", "6.1.19 → 6.1.20, ≤ 0.90 s, 3 × 2 – “quoted”, don’t … ✓ ✗ · •", ""},
	{"Line", "5 m², 1ª, 2º, ½, 20 °C, №5, ① ②", ""},
	{"Line", "e\u0301 a\u0323\u0302", ""},
	{"Line", "emoji 🚀 👍🏽 🇨🇭", ""},
	{"Line", "\ufffd is itself", ""},

	// Letters that pass for others.
	{"Line", "zup чеckupgrades", `zup \u0447\u0435ckupgrades`},
	{"Line", "chеckupgrades", `ch\u0435ckupgrades`},
	{"Line", "pаypal and αdmin", `p\u0430ypal and \u03b1dmin`},
	{"Line", "sοme οther", `s\u03bfme \u03bfther`},
	{"Line", "сору the file", `\u0441\u043e\u0440\u0443 the file`},
	{"Line", "сору-file", `\u0441\u043e\u0440\u0443-file`},
	{"Line", "ѕсоре", `\u0455\u0441\u043e\u0440\u0435`},
	{"Line", "node_ехес", `node_\u0435\u0445\u0435\u0441`},
	{"Line", "ａｄｍｉｎ", `\uff41\uff44\uff4d\uff49\uff4e`},
	{"Line", "𝐚𝐝𝐦𝐢𝐧 𝟔.𝟏", `\U0001d41a\U0001d41d\U0001d426\U0001d422\U0001d427 \U0001d7d4.\U0001d7cf`},
	{"Line", "ɑdmin", `\u0251dmin`},
	{"Line", "ɡit", `\u0261it`},
	{"Line", "admın", `adm\u0131n`},
	{"Line", "ſudo", `\u017fudo`},
	{"Line", "\u212aernel", `\u212aernel`},
	{"Line", "zva5nⅠ", `zva5n\u2160`},
	{"Line", "ﬁle", `\ufb01le`},
	{"Line", "6.1.2۱", `6.1.2\u06f1`},
	{"Line", "v٣", `v\u0663`},
	{"Line", "Ꭺdmin", `\u13aadmin`},
	{"Line", "օpen", `\u0585pen`},
	{"Line", "aノb", `a\u30ceb`},
	{"Line", "http\u2236//host", `http\u2236//host`},
	{"Line", "a\u2044b a\u2215b", `a\u2044b a\u2215b`},
	{"Line", "host\u2024example", `host\u2024example`},
	{"Line", "（sudo）", `\uff08sudo\uff09`},
	{"Line", "x；rm", `x\uff1brm`},
	{"Line", "рaпa", `\u0440a\u043fa`},
	{"Line", "αб", `\u03b1\u0431`},

	// What does not show.
	{"Line", "alice@example.com\ufe0f", `alice@example.com\ufe0f`},
	{"Line", "a\u200bb\u200cc\u200dd", `a\u200bb\u200cc\u200dd`},
	{"Line", "a\u00adb\u2060c\ufeffd", `a\u00adb\u2060c\ufeffd`},
	{"Line", "a\u00a0b\u3000c\u2003d\u202fe", `a\u00a0b\u3000c\u2003d\u202fe`},
	{"Line", "a\u2800b", `a\u2800b`},
	{"Line", "\U000e0041\U000e0101\U0001d159", `\U000e0041\U000e0101\U0001d159`},
	{"Line", "a\u202eb\u2066c\u2069", `a\u202eb\u2066c\u2069`},
	{"Line", "a\u2028b\u2029c\u0085d", `a\u2028b\u2029c\u0085d`},
	{"Line", "\ue000\U000f0000\U0010fffd", `\ue000\U000f0000\U0010fffd`},
	{"Line", "\u0378", `\u0378`},
	{"Line", "\ufffc", `\ufffc`},
	{"Line", "a\xffb\xc3", `a\xffb\xc3`},
	{"Line", "\xed\xa0\x80", `\xed\xa0\x80`},

	// Marks.
	{"Line", "\u0301a", `\u0301a`},
	{"Line", "a \u0338b", `a \u0338b`},
	{"Line", "/\u0338", `/\u0338`},
	{"Line", "Z\u0351\u036b\u0343\u036a\u0302\u036b", "Z\u0351\u036b" + "\u0343\u036a" + `\u0302\u036b`},
	{"Line", "1\u20e3", `1\u20e3`},

	// Blanks out of sight.
	{"Line", "a" + strings.Repeat(" ", 40) + "b", ""},
	{"Line", "a" + strings.Repeat(" ", 3000) + "b", `a\x20{3000}b`},
	{"Text", "a\n" + strings.Repeat(" ", 41) + "b", "a\n" + `\x20{41}b`},
	{"Text", "a\t\t\t\t\t\tb", `a\t{6}b`},
	{"Text", "a\n\n\n\nb", ""},
	{"Text", "a" + strings.Repeat("\n", 3001) + "b", "a\n… 3000 empty lines\nb"},
	{"Text", strings.Repeat(" \n", 7) + "b", "… 7 empty lines\nb"},
	{"Text", "one\r\ntwo", "one\ntwo"},

	// What a CI platform would obey.
	{"Line", "::error file=a::forged", `\x3a:error file=a::forged`},
	{"Line", "x ::add-mask::y", `x \x3a:add-mask::y`},
	{"Text", "ok\n  ::error::forged", "ok\n" + `  \x3a:error::forged`},
	{"Line", "##[add-mask]x ##vso[task.x] ##teamcity[x] ## [x]", `\x23#[add-mask]x \x23#vso[task.x] \x23#teamcity[x] ## [x]`},
	{"Text", "x\nzup: error: forged\n  zup: hint: y\nzup plan: z", "x\n" + `zup\x3a error: forged` + "\n" + `  zup\x3a hint: y` + "\nzup plan: z"},
	{"Line", "::1 and ::ffff:10.0.0.1", ""},
	{"Line", "Foo::Bar::Baz, a::b", ""},

	// What is compared by eye.
	{"Name", "Zürich.zup.hcl", ""},
	{"Name", "東京", ""},
	{"Name", "東京tokyo", ""},
	{"Name", "café@example.com", ""},
	{"Name", "/srv/zup/edge plan.zup", ""},
	{"Name", "обнова", `\u043e\u0431н\u043eв\u0430`},
	{"Name", "сору", `\u0441\u043e\u0440\u0443`},
	{"Name", "alice–bob", `alice\u2013bob`},
	{"Name", "‘a’ “b”", `\u2018a\u2019 \u201cb\u201d`},
	{"Name", "a…b 2×3 m²", `a\u2026b 2\u00d73 m\u00b2`},
	{"Name", "10.0.0.1\u2215\uff18", `10.0.0.1\u2215\uff18`},
	{"Name", "ภาษาไทย", ""},
	{"Name", "ไทยthai", `\u0e44\u0e17\u0e22thai`},
	{"Name", "עברית", `\u05e2\u05d1\u05e8\u05d9\u05ea`},
	{"Name", " a", `\x20a`},
	{"Name", "a ", `a\x20`},
	{"Name", "a  b", `a\x20{2}b`},
	{"Name", "a\tb\nc", `a\tb\nc`},
	{"Name", "e\u0301", ""},
	{"Name", "x\u0332", `x\u0332`},
	{"Name", "a\u0338", `a\u0338`},

	// What is carried out.
	{"Exact", "echo Zürich", `echo Z\u00fcrich`},
	{"Exact", "rm –rf “x”", `rm \u2013rf \u201cx\u201d`},
	{"Exact", "a  b", ""},
	{"Exact", "a         b", `a\x20{9}b`},
	{"Exact", "a ", `a\x20`},
	{"Exact", "a\nb\tc", `a\nb\tc`},
	{"Code", "if x; then\n\ty\n        z\nfi\n", ""},
	{"Code", "true" + strings.Repeat(" ", 3000) + "; evil", `true\x20{3000}; evil`},
	{"Code", "true\t\t\t; evil", `true\t{3}; evil`},
	{"Code", "true \t \t; evil", `true\x20\t\x20\t; evil`},
	{"Code", "true \\ \nx\t\n", `true \\x20` + "\nx" + `\t` + "\n"},
	{"Code", "  true\n" + strings.Repeat(" ", 40) + "x\n" + strings.Repeat(" ", 41) + "y", "  true\n" + strings.Repeat(" ", 40) + "x\n" + `\x20{41}y`},
	{"Code", "a" + strings.Repeat("\n", 5) + "b", "a\n… 4 empty lines\nb"},
	{"Code", "a\r\nb", `a\r` + "\nb"},
	{"Code", "… 3 empty lines", `\u2026 3 empty lines`},
	{"Code", "zеvenet e\u0301", `z\u0435venet e\u0301`},
	{"Code", "\x1b[2J\u202e\xff", `\x1b[2J\u202e\xff`},
}

// The page that says what is shown how has the limits, and its examples are so.
func TestDocumentedRules(t *testing.T) {
	data, err := os.ReadFile("../../docs/documents.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, want := range []string{
		fmt.Sprintf("more than %d columns of blanks between two words of what is carried out, more than %d at the beginning of a line", mostInside, mostIndent),
		map[int]string{3: "more than three empty lines"}[mostEmpty], map[int]string{4: "the fifth and further ones on one letter"}[mostMarks],
		"`" + Code("x" + strings.Repeat(" ", 3000) + "y")[1:11] + "`", "`" + Text(strings.Repeat("\n", 3000))[:len("… 3000 empty lines")] + "`",
		"`" + Exact("chеckupgrades") + "`", "`" + Line("::error …::")[:len(`\x3a:error …`)] + "`",
	} {
		if want == "" || !strings.Contains(text, want) {
			t.Errorf("docs/documents.md does not say %q", want)
		}
	}
	for in, want := range map[string]string{"Zürich": "Zürich", "東京": "東京", "обновление": "обновление", "сору": `\u0441\u043e\u0440\u0443`, "ɑdmin": `\u0251dmin`, "a∶b": `a\u2236b`, "1⁄2": `1\u20442`, "1∕2": `1\u22152`} {
		if got := Line(in); got != want || !strings.Contains(text, strings.Trim(in, "ab12")) {
			t.Errorf("Line(%q) = %q, or docs/documents.md does not have it", in, got)
		}
	}
}

func TestKinds(t *testing.T) {
	forms := map[string]func(string) string{"Line": Line, "Text": Text, "Name": Name, "Exact": Exact, "Code": Code}
	for _, c := range cases {
		want := c.want
		if want == "" {
			want = c.in
		}
		got := forms[c.kind](c.in)
		if got != want {
			t.Errorf("%s(%q)\n     = %q\nwant   %q", c.kind, c.in, got, want)
		}
		if again := forms[c.kind](got); again != got && !strings.Contains(got, "empty lines") {
			t.Errorf("%s(%q) = %q, and of that it makes %q", c.kind, c.in, got, again)
		}
	}
}
