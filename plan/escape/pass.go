package escape

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// kind is what a text is for.
type kind int

const (
	prose  kind = iota // it is read
	name               // it is compared by eye
	exact              // it is carried out
	screen             // the last look at what has been escaped already, and laid out
)

// rules are those of a kind, for text of one line or of several.
type rules struct {
	kind  kind
	lines bool // line feeds and tabs stay
	after bool // something stands before the text on its line
}

// How much room is nothing unusual: columns of blanks, and lines without anything.
const (
	mostIndent = 40 // at the beginning of a line; in prose anywhere
	mostInside = 8  // between two words of what is carried out
	mostEmpty  = 3
	tabColumns = 8
	mostMarks  = 4 // combining marks on one letter
)

// escape returns s as the rules want it. What is left is looked at again until nothing
// changes: without the characters that were escaped, what stood around them can be read
// in another way. Where everything is escaped nothing is left.
func escape(s string, r rules) string {
	for !r.plain(s) {
		p := pass{s: s, rules: r}
		p.run()
		if p.done == 0 {
			return s
		}
		if s = string(append(p.out, s[p.done:]...)); r.kind == exact {
			return s
		}
	}
	return s
}

// calm are the bytes that need nothing, wherever they stand.
var calm = func() (all [256]bool) {
	for c := '!'; c < 0x7f; c++ {
		all[c] = c != ':' && c != '#'
	}
	return all
}()

// plain reports whether s is ASCII that needs nothing. It errs on the side of no.
func (r rules) plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if calm[s[i]] {
			continue
		}
		switch c := s[i]; {
		case c == ':' || c == '#':
			if _, is := r.command(s, i); is {
				return false
			}
		case c == ' ' && r.kind != name && i+1 < len(s) && s[i+1] > ' ': // one between two words
		case c == ' ' || c == '\t' && r.lines:
			end := r.blanksEnd(s, i)
			if r.marks(s, i, end) {
				return false
			}
			i = end - 1
		case c == '\n' && r.lines:
			if next := r.blanksEnd(s, i+1); next < len(s) && s[next] <= ' ' && r.kind != screen && emptyLines(s[i+1:]).count > mostEmpty {
				return false
			}
		default:
			return false
		}
	}
	return s == "" || s[0] != '\n'
}

// pass goes over a text once. What was looked at and stays is copied to out only when
// something changes.
type pass struct {
	rules
	s    string
	at   int
	out  []byte // of s[:done]
	done int

	around scripts // see context
	looked bool
}

func (p *pass) put(to int, text string) {
	p.out = append(append(p.out, p.s[p.done:p.at]...), text...)
	p.at, p.done = to, to
}

// puts escapes the next character, which is size bytes long.
func (p *pass) puts(size int) {
	r, n := utf8.DecodeRuneInString(p.s[p.at:])
	if r == utf8.RuneError && n == 1 {
		p.put(p.at+1, fmt.Sprintf(`\x%02x`, p.s[p.at]))
		return
	}
	q := strconv.QuoteRuneToASCII(r)
	p.put(p.at+size, q[1:len(q)-1])
}

func (p *pass) run() {
	p.emptyLines()
	for p.at < len(p.s) {
		switch c := p.s[p.at]; {
		case isWordByte(c):
			p.word()
		case c == '\\':
			p.at += escapeLen(p.s[p.at:])
		case c == ' ', c == '\t' && p.lines:
			p.blanks()
		case c == '\n' && p.lines:
			p.at++
			p.emptyLines()
		case c == '\r' && p.lines && p.kind == prose && strings.HasPrefix(p.s[p.at:], "\r\n"):
			p.put(p.at+1, "") // the line feed follows and says it all
		case c < ' ', c == 0x7f:
			p.puts(1)
		case c == ':', c == '#':
			if text, is := p.command(p.s, p.at); is {
				p.put(p.at+1, text)
			} else {
				p.at++
			}
		case c < utf8.RuneSelf:
			p.at++
		default:
			p.wide()
		}
	}
}

// wide takes a character that is not ASCII.
func (p *pass) wide() {
	r, size := utf8.DecodeRuneInString(p.s[p.at:])
	switch {
	case r == utf8.RuneError && size == 1, p.kind == exact, Invisible(r):
		p.puts(size)
	case isWordRune(r):
		p.word()
	case p.symbolPasses(r):
		p.at += size
	default:
		p.puts(size)
	}
}

// symbolPasses reports whether a mark of punctuation or a symbol stays.
func (p *pass) symbolPasses(r rune) bool {
	switch {
	case p.kind == screen:
		return true
	case p.kind == name:
		return !looksASCII(r) && !rightToLeft(r)
	case !looksASCII(r) || strings.ContainsRune(typography, r):
		return true
	}
	forms := r >= 0x3000 && r <= 0x303f || r >= 0xff01 && r <= 0xff65 // punctuation of East Asian text
	return forms && p.context()&eastAsian != 0
}

// word takes the letters, digits and marks up to what is none.
func (p *pass) word() {
	end, plain := wordEnd(p.s, p.at)
	if plain {
		p.at = end
		return
	}
	w := wordOf(p.s[p.at:end])
	all := p.kind == exact || w.deceives(p.kind == name)
	looks := p.kind == name || p.kind == prose && !all && w.looks && w.honest == 0 && (w.scripts == 0 || p.context()&w.scripts != w.scripts)
	base, marks := -1, 0 // where the last letter begins, and how many marks it has
	for p.at < end {
		r, size := utf8.DecodeRuneInString(p.s[p.at:])
		switch {
		case unicode.Is(unicode.M, r):
			marks++
			if all || base < 0 || !p.markPasses(r, base, marks, size) {
				p.puts(size)
				continue
			}
		case r < utf8.RuneSelf:
			base, marks = p.at, 0
		case all, (w.looks || p.kind == name) && p.letterDeceives(r, looks), p.kind == name && rightToLeft(r):
			base = -1
			p.puts(size)
			continue
		default:
			base, marks = p.at, 0
		}
		p.at += size
	}
}

func (p *pass) letterDeceives(r rune, looks bool) bool {
	return looksASCII(r) && (looks && (p.kind == name || !unicode.In(r, unicode.Lm, unicode.No)) || unicode.Is(forms, r))
}

// markPasses reports whether a combining mark stays that is the nth on the letter at
// base.
func (p *pass) markPasses(r rune, base, n, size int) bool {
	if n > mostMarks || unicode.Is(unicode.Me, r) {
		return false
	}
	if p.kind != name || !unicode.Is(unicode.Inherited, r) {
		return p.kind != name || !looksASCII(r)
	}
	whole := norm.NFC.String(p.s[base : p.at+size]) // an ordinary letter with an accent
	return utf8.RuneCountInString(whole) == 1
}

// context returns the scripts in which the text has honest words: ones with a letter
// that no other script has.
func (p *pass) context() scripts {
	if p.looked {
		return p.around
	}
	p.looked = true
	for i := 0; i < len(p.s); {
		if p.s[i] == '\\' {
			i += escapeLen(p.s[i:])
			continue
		}
		r, size := utf8.DecodeRuneInString(p.s[i:])
		if !isWordRune(r) || r == utf8.RuneError {
			i += size
			continue
		}
		end, plain := wordEnd(p.s, i)
		if !plain {
			if w := wordOf(p.s[i:end]); !w.deceives(false) {
				p.around |= w.honest
			}
		}
		i = end
	}
	return p.around
}

func isWordByte(c byte) bool { return c < utf8.RuneSelf && isWordRune(rune(c)) }

// wordEnd returns where the word ends that begins at i, and whether it is ASCII.
func wordEnd(s string, i int) (end int, plain bool) {
	for plain = true; i < len(s); {
		if s[i] < utf8.RuneSelf {
			if !isWordByte(s[i]) {
				break
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError || !isWordRune(r) {
			break
		}
		plain = false
		i += size
	}
	return i, plain
}

// escapeLen is how long the escape is with which s begins, or 1: what comes behind it
// begins anew.
func escapeLen(s string) int {
	if len(s) < 2 {
		return 1
	}
	digits := 0
	switch s[1] {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case 'a', 'b', 'f', 'n', 'r', 't', 'v', '\\', '"', '\'':
		return 2
	default:
		return 1
	}
	if len(s) < 2+digits || strings.Trim(s[2:2+digits], "0123456789abcdef") != "" {
		return 1
	}
	return 2 + digits
}

// command reports whether a CI platform takes what begins at i for a command to
// itself: "::name …::" at the beginning of a line, "##name[" anywhere. As text
// can be broken into lines anew, the beginning of a word counts. Nor may a line begin as
// one of zup's own does. The text is what to put in place of the character at i.
func (r rules) command(s string, i int) (text string, is bool) {
	if s[i] == '#' {
		rest, is := strings.CutPrefix(s[i:], "##")
		return `\x23`, is && strings.HasPrefix(strings.TrimLeft(rest, letters), "[")
	}
	if r.kind == prose && r.lines && strings.HasSuffix(s[:i], "zup") {
		before := i - len("zup")
		for before > 0 && (s[before-1] == ' ' || s[before-1] == '\t') {
			before--
		}
		return `\x3a`, before == 0 || s[before-1] == '\n'
	}
	begins := i > 0 && s[i-1] <= ' ' || i == 0 && !r.after
	if !begins || len(s) < i+3 || s[i+1] != ':' || s[i+2] == '_' || !isWordByte(s[i+2]) || s[i+2] <= '9' {
		return "", false
	}
	end := strings.Index(s[i+2:], "::")
	return `\x3a`, end >= 0 && strings.IndexByte(s[i+2:i+2+end], '\n') < 0
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"

// blanksEnd returns where the blanks end that begin at i. On one line a tab is none.
func (r rules) blanksEnd(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' && r.lines) {
		i++
	}
	return i
}

// marks reports whether the blanks from i to end are so many, or in such a place, that
// they are to be seen.
func (r rules) marks(s string, i, end int) bool {
	if r.kind == screen {
		return false
	}
	first := i == 0 || s[i-1] == '\n'
	last := end == len(s) || s[end] == '\n' || s[end] == '\r'
	n := end - i + (tabColumns-1)*strings.Count(s[i:end], "\t")
	switch {
	case r.kind == name:
		return n > 1 || first || last
	case r.kind == exact && last:
		return true
	case r.kind == exact && !first:
		return n > mostInside
	}
	return n > mostIndent
}

// blanks takes a run of them, and shows how many they are where that matters.
func (p *pass) blanks() {
	end := p.blanksEnd(p.s, p.at)
	if !p.marks(p.s, p.at, end) {
		p.at = end
		return
	}
	for p.at < end {
		n := 1
		for p.at+n < end && p.s[p.at+n] == p.s[p.at] {
			n++
		}
		text := `\x20`
		if p.s[p.at] == '\t' {
			text = `\t`
		}
		if n > 1 {
			text = fmt.Sprintf("%s{%d}", text, n)
		}
		p.put(p.at+n, text)
	}
}

// stretch is what a text begins with: lines that have nothing but blanks.
type stretch struct{ count, end int }

func emptyLines(s string) stretch {
	var e stretch
	for {
		n := strings.IndexByte(s[e.end:], '\n')
		if n < 0 || strings.Trim(s[e.end:e.end+n], " \t\r") != "" {
			return e
		}
		e.count++
		e.end += n + 1
	}
}

// emptyLines says in words how many lines are empty from here on, where they are many.
func (p *pass) emptyLines() {
	if !p.lines || p.kind == screen {
		return
	}
	if e := emptyLines(p.s[p.at:]); e.count > mostEmpty {
		p.put(p.at+e.end, fmt.Sprintf("… %d empty lines\n", e.count))
	}
}
