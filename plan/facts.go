package plan

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFact is the longest value of a fact, in bytes; the longest ones are whole
// files in base64.
const maxFact = 1 << 20

// Facts of zup's own: the script of every product prints them, and they mean the same
// everywhere.
const (
	FactOpen = "open" // temporary changes that zup has marked on the node, or "none"
	FactJobs = "jobs" // names of the jobs of zup that are there, or "none"
	FactTime = "time" // the node's clock, seconds since 1970
	FactSkew = "skew" // by how many seconds that is ahead of the clock here; made from FactTime by whoever has asked
)

// FactWords are the words of a fact that lists something; of one that lists nothing, or
// could not be found out, there are none.
func FactWords(value string) []string {
	if value == "none" || value == "unknown" {
		return nil
	}
	return strings.Fields(value)
}

// ParseFacts reads what a facts script printed: a line name=value for each name
// that was asked for, in any order, then the line "end". Values are text from a
// node: they are checked to be UTF-8 of a bounded length and nothing else.
func ParseFacts(out []byte, names []string) (map[string]string, error) {
	facts := make(map[string]string, len(names))
	ended := false
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\r\n")
		if ended {
			return nil, fmt.Errorf("facts: %q follows the end", clip(line))
		}
		if line == "end" {
			ended = true
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		switch _, twice := facts[name]; {
		case !ok || !slices.Contains(names, name):
			return nil, fmt.Errorf("facts: %q was not asked for", clip(line))
		case twice:
			return nil, fmt.Errorf("facts: %s is there twice", name)
		case len(value) > maxFact || !utf8.ValidString(value):
			return nil, fmt.Errorf("facts: %s is too long or not UTF-8", name)
		}
		facts[name] = value
	}
	if !ended {
		return nil, fmt.Errorf("facts: the output was cut off after %d of %d", len(facts), len(names))
	}
	for _, name := range names {
		if _, ok := facts[name]; !ok {
			return nil, fmt.Errorf("facts: %s is missing", name)
		}
	}
	return facts, nil
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// Holds evaluates the condition. read returns a fact of a node; ok is false when
// it could not be read, and then nothing holds. recorded returns what an earlier
// action recorded. The answer comes with what was wanted and what was seen, for
// people.
func (c *Condition) Holds(read func(node, fact string) (string, bool), recorded func(node, fact string) (string, bool)) (holds bool, want, seen string) {
	got, ok := read(c.Node, c.Fact)
	seen = got
	if !ok {
		seen = "could not be read"
	}
	other := func(ref string) (string, bool) {
		if ref == Recorded {
			return recorded(c.Node, c.Fact)
		}
		return read(ref, c.Fact)
	}
	switch {
	case len(c.Is) > 0:
		return ok && slices.Contains(c.Is, got), strings.Join(c.Is, " or "), seen
	case len(c.Not) > 0:
		return ok && !slices.Contains(c.Not, got), "not " + strings.Join(c.Not, " nor "), seen
	case len(c.Within) > 0:
		return ok && got != "unknown" && covers(strings.Join(c.Within, " "), got), nothingBut(c.Within), seen
	case c.SameAs != "":
		ref, known := other(c.SameAs)
		return ok && known && got == ref && got != "unknown", "as " + refName(c.SameAs, ref, known), seen
	default:
		ref, known := other(c.Covers)
		return ok && known && ref != "unknown" && covers(got, ref), "at least " + refName(c.Covers, ref, known), seen
	}
}

func nothingBut(words []string) string {
	if len(words) == 1 && words[0] == "none" {
		return "none"
	}
	return "nothing but " + strings.Join(words, " ")
}

func refName(ref, value string, known bool) string {
	if !known {
		value = "what could not be read"
	}
	if ref == Recorded {
		return "recorded before: " + value
	}
	return "on " + ref + ": " + value
}

func covers(got, ref string) bool {
	if ref == "none" {
		return true
	}
	have := strings.Fields(got)
	for _, word := range strings.Fields(ref) {
		if !slices.Contains(have, word) {
			return false
		}
	}
	return true
}

// Reads lists the facts that have to be read to evaluate the conditions, by
// node: those of SameAs and Covers on other nodes too. Each list is sorted.
func Reads(conditions []Condition) map[string][]string {
	all := map[string][]string{}
	add := func(node, fact string) {
		if !slices.Contains(all[node], fact) {
			all[node] = append(all[node], fact)
		}
	}
	for _, c := range conditions {
		add(c.Node, c.Fact)
		for _, ref := range []string{c.SameAs, c.Covers} {
			if ref != "" && ref != Recorded {
				add(ref, c.Fact)
			}
		}
	}
	for _, facts := range all {
		slices.Sort(facts)
	}
	return all
}

// String says the condition in words.
func (c Condition) String() string {
	switch {
	case len(c.Is) > 0:
		return fmt.Sprintf("%s: %s is %s", c.Node, c.Fact, strings.Join(c.Is, " or "))
	case len(c.Not) > 0:
		return fmt.Sprintf("%s: %s is not %s", c.Node, c.Fact, strings.Join(c.Not, " nor "))
	case len(c.Within) > 0:
		return fmt.Sprintf("%s: %s is %s", c.Node, c.Fact, nothingBut(c.Within))
	case c.SameAs == Recorded:
		return fmt.Sprintf("%s: %s is as recorded before", c.Node, c.Fact)
	case c.SameAs != "":
		return fmt.Sprintf("%s: %s is as on %s", c.Node, c.Fact, c.SameAs)
	case c.Covers == Recorded:
		return fmt.Sprintf("%s: %s has at least what was recorded before", c.Node, c.Fact)
	default:
		return fmt.Sprintf("%s: %s has at least what %s has", c.Node, c.Fact, c.Covers)
	}
}
