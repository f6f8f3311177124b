//go:build linux

package world

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// debianSources finds out from which mirrors this machine gets its Debian: the
// entries of its apt sources whose suites are the release's own, in the two
// formats that apt has. Other vendors' repositories are left out.
func debianSources(codename string) (oneLine, deb822 string) {
	suites := []string{codename, codename + "-updates", codename + "-security"}
	ours := func(suite string) bool { return slices.Contains(suites, suite) }
	lists, _ := filepath.Glob("/etc/apt/sources.list.d/*.list")
	for _, path := range append([]string{"/etc/apt/sources.list"}, lists...) {
		body, _ := os.ReadFile(path)
		oneLine += keepLines(string(body), ours)
	}
	sources, _ := filepath.Glob("/etc/apt/sources.list.d/*.sources")
	for _, path := range sources {
		body, _ := os.ReadFile(path)
		deb822 += keepStanzas(string(body), ours)
	}
	return oneLine, deb822
}

// forRelease makes sources of one release those of another one: the mirrors have both,
// under the same names of suites.
func forRelease(sources, from, to string) string {
	return word.ReplaceAllStringFunc(sources, func(suite string) string {
		switch rest, ok := strings.CutPrefix(suite, from); {
		case ok && slices.Contains([]string{"", "-updates", "-security"}, rest):
			return to + rest
		default:
			return suite
		}
	})
}

var word = regexp.MustCompile(`\S+`)

// keepLines keeps the lines `deb [options] address suite component…` that name
// one of our suites.
func keepLines(text string, ours func(suite string) bool) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb ")
		if !ok {
			continue
		}
		if options, after, ok := strings.Cut(rest, "]"); ok && strings.HasPrefix(strings.TrimSpace(options), "[") {
			rest = after
		}
		if fields := strings.Fields(rest); len(fields) >= 3 && ours(fields[1]) {
			kept.WriteString(strings.TrimSpace(line) + "\n")
		}
	}
	return kept.String()
}

// keepStanzas keeps the stanzas of a deb822 file that name only our suites.
func keepStanzas(text string, ours func(suite string) bool) string {
	var kept strings.Builder
	for stanza := range strings.SplitSeq(text, "\n\n") {
		fields := map[string]string{}
		var lines []string
		for line := range strings.Lines(stanza) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			lines = append(lines, strings.TrimRight(line, "\n"))
			if key, value, ok := strings.Cut(line, ":"); ok {
				fields[strings.ToLower(key)] = value
			}
		}
		suites := strings.Fields(fields["suites"])
		binary := slices.Contains(strings.Fields(fields["types"]), "deb")
		enabled := strings.TrimSpace(fields["enabled"]) != "no"
		if binary && enabled && len(suites) > 0 && !slices.ContainsFunc(suites, func(s string) bool { return !ours(s) }) {
			kept.WriteString(strings.TrimSpace(strings.Join(lines, "\n")) + "\n\n")
		}
	}
	return kept.String()
}
