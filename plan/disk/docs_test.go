package disk

import (
	"os"
	"strings"
	"testing"
)

// The limits stand in the documents as they are in the code.
func TestLimitsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "<!-- limits: begin -->")
	table, _, ok := strings.Cut(table, "<!-- limits: end -->")
	if !ok {
		t.Fatal("docs/commands.md has no table of limits")
	}
	for what, limit := range map[string]int64{
		"configuration, variables": MaxText, "private and public keys": MaxKey, "a signature": MaxSignature,
		"`ssh_config`": MaxSettings, "`known_hosts`": MaxKnownHosts, "the state": MaxState, "journal, report": MaxRecord,
	} {
		found := false
		for line := range strings.Lines(table) {
			found = found || strings.HasPrefix(line, "| "+what) && strings.HasSuffix(strings.TrimSpace(line), "| "+sizeText(limit)+" |")
		}
		if !found {
			t.Errorf("docs/commands.md does not say that %s is at most %s", what, sizeText(limit))
		}
	}
	for file, sentence := range map[string]string{
		"../../docs/state.md":       "at most " + sizeText(MaxState),
		"../../docs/approvals.md":   "larger than " + sizeText(MaxSignature),
		"../../docs/language.md":    "certificate beside it | " + sizeText(MaxKey) + " |",
		"../../docs/plan-format.md": "2 GB is not read",
	} {
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), sentence) {
			t.Errorf("%s does not say %q (%v)", file, sentence, err)
		}
	}
}
