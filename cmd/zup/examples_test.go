package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Every example is planned by a script that has its name. The lab has tests of its
// own.
func TestEveryExampleHasAScript(t *testing.T) {
	dirs, err := os.ReadDir("../../examples")
	if err != nil || len(dirs) < 2 {
		t.Fatal(dirs, err)
	}
	for _, d := range dirs {
		if d.Name() == "lab" || d.Name() == "ci" || !d.IsDir() { // they have tests of their own
			continue
		}
		script, err := os.ReadFile("testdata/script/example_" + d.Name() + ".txtar")
		if err != nil {
			t.Error(err)
			continue
		}
		for _, line := range []string{fmt.Sprintf("example %s\n", d.Name()), "exec zup fmt -check\n", "exec zup validate\n", "zup plan"} {
			if !strings.Contains(string(script), line) {
				t.Errorf("%s: its script does not say %q", d.Name(), line)
			}
		}
	}
}
