package config

import (
	"strings"
	"testing"
)

// Each of these, only longer, overflows the stack of the parser or of the
// evaluator if it is let through, and that ends the process.
func TestTooDeep(t *testing.T) {
	t.Parallel()
	const n = maxChain + 1
	deep := map[string]string{
		"parentheses": "a = " + strings.Repeat("(", n),
		"brackets":    "a = " + strings.Repeat("[", n),
		"templates":   "a = " + strings.Repeat(`"${`, n),
		"blocks":      strings.Repeat("a {\n", n),
		"not":         "a = " + strings.Repeat("!", n) + "true\n",
		"minus":       "a = " + strings.Repeat("-", n) + "1\n",
		"plus":        "a = 1" + strings.Repeat("+1", n) + "\n",
		"plus, lines": "a = (1" + strings.Repeat("\n+1", n) + ")\n",
		"equals":      "a = 1" + strings.Repeat("==1", n) + "\n",
		"conditions":  "a = " + strings.Repeat("b?1:", n) + "1\n",
		"splats":      "a = b" + strings.Repeat("[*]", n) + "\n",
		"indexes":     "a = b" + strings.Repeat("[c]", n) + "\n",
	}
	for name, text := range deep {
		if measure([]byte(text), inHCL).excess() == "" {
			t.Errorf("%s: not too deep", name)
		}
	}
	for name, text := range map[string]string{
		"brackets": strings.Repeat("[", n),
		"template": `{"a": "${` + strings.Repeat("!", n) + `true}"}`,
	} {
		if measure([]byte(text), inJSON).excess() == "" {
			t.Errorf("JSON, %s: not too deep", name)
		}
	}
}

// A large file of ordinary things is not refused, however its brackets look to
// someone who does not know what a comment is.
func TestNotTooDeep(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"comments": strings.Repeat("# (((\n", 1000),
		"strings":  strings.Repeat("a = \"{[(\"\n", 1000),
		"lists":    "a = [" + strings.Repeat("1 + 1, ", maxChain) + "]\n",
		"lines":    strings.Repeat("a = 1 + 1 - 1\n", maxChain),
		"nested":   "a = " + strings.Repeat("(", 400) + "1" + strings.Repeat(")", 400),
	} {
		if why := measure([]byte(text), inHCL).excess(); why != "" {
			t.Errorf("%s: too deep", name)
		}
	}
	if text := "[" + strings.Repeat(`{"a": "b/c-d"}, `, maxChain) + "1]"; measure([]byte(text), inJSON).excess() != "" {
		t.Error("JSON: too deep")
	}
}
