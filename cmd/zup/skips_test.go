package main

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// byChoice are skips that nothing is missing for: somebody has byChoice a shorter run, or the
// input is none.
var byChoice = regexp.MustCompile(`testing\.Short\(\)|ZUP_MATRIX|ZUP_FAULTS|test\.timeout|f\.Fuzz\(`)

// skipsOf are others, which CI can do nothing about.
var skipsOf = map[string]string{
	"cmd/zup/reader_test.go: TestNodeOfAReader runs it":                                   "a child process of another test",
	"cmd/zup/become_test.go: TestNodeThatMakesRoot runs it":                               "a child process of another test",
	"plan/review/browser_test.go: ZUP_DOCUMENTS names no directory":                       "writes documents for people to look at",
	"plan/approval/keygen_test.go: this ssh-keygen signs with no certificate from a file": "the OpenSSH of Debian 12 does not",
}

// A test that is skipped because something is missing fails in CI. (Scripts do so by
// themselves: see the type scripts.)
func TestNothingIsSkippedInCI(t *testing.T) {
	skip := regexp.MustCompile(`\b[tf]\.Skipf?\((?:"([^":%]*))?`)
	seen := 0
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") || path == "cmd/zup/skips_test.go" {
			return err
		}
		text, err := fs.ReadFile(root, path)
		lines := strings.Split(string(text), "\n")
		for i, line := range lines {
			m := skip.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			seen++
			before := strings.Join(lines[max(0, i-10):i], "\n")
			if !strings.Contains(before, "ZUP_CI") && !byChoice.MatchString(before) && skipsOf[path+": "+m[1]] == "" {
				t.Errorf("%s:%d is skipped in CI, too: %s", path, i+1, strings.TrimSpace(line))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 20 {
		t.Errorf("only %d skips were looked at", seen)
	}
}
