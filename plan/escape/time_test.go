package escape

import (
	"strings"
	"testing"
	"time"
)

// A text of 256 KB is escaped in a moment, whatever is in it: nobody makes zup wait.
func TestNoTextTakesLong(t *testing.T) {
	const size = 1 << 18
	for _, unit := range []string{"a", " ", "\n", "\t", "::a ", "::a", "zup: ", "\nzup:", "##[", "##", "é", "д", "aд", "сору ", "\u0301", "e\u0301", "ノ", "漢ノ", "\u200b", "\xff", "\\", `\u`, "\x1b", "\x1b[31m", "\r\n", "\r", " \n", "\n\n\n\n\nx", "x  ", "１", "٣a ", "\u202e"} {
		s := strings.Repeat(unit, size/len(unit))
		for name, form := range map[string]func(string) string{"Line": Line, "Text": Text, "Name": Name, "Exact": Exact, "Code": Code, "Printed": Printed,
			"Tail": func(s string) string { return Tail(s, 5) }, "JSON": func(s string) string { return string(JSON([]byte(s))) },
			"Rows": func(s string) string { return strings.Join(Rows(s, 80), "\n") },
			"Screen": func(s string) string {
				var b strings.Builder
				w := &Screen{W: &b, Live: true, Color: func() bool { return true }}
				w.Write([]byte(s))
				return b.String()
			}} {
			began := time.Now()
			form(s)
			if took := time.Since(began); took > 5*time.Second { // on a machine that is busy; what is quadratic takes minutes
				t.Errorf("%s of %q takes %s", name, unit, took)
			}
		}
	}
}
