package config

import (
	"bytes"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// The parser and the evaluator of HCL call themselves for every level of nesting and for
// every operator of a chain, and an overflowing stack ends the process. The parser also
// needs some hundred bytes for every word, and takes time in the square of the digits of
// a number and of the lines of a text. These limits are far above what people write and
// far below what does harm.
const (
	maxNesting = 500
	maxChain   = 10_000
	maxWords   = 500_000 // words and signs that are parsed in one go: a top-level block, a file in JSON, a template
	maxMoved   = 4e9     // bytes that the parser moves to put one text together
)

// What parsing costs.
const (
	workWord     = 20  // steps for a word or sign
	bytesWord    = 100 // of the tree for a word or sign, at most …
	bytesBrace   = 400 // … and for what is in braces, in addition, …
	bytesEquals  = 150 // … and for what has a name
	movedPerStep = 400 // bytes
)

// extent is how much there is in a text, found without parsing it: rather more than
// there is, and never less.
type extent struct {
	nesting int
	chain   int // operators in a row
	words   int // words and signs
	braces  int
	equals  int
	digits  int     // in a row
	moved   float64 // bytes; see moved
}

// moved is how many bytes the parser moves to put a text together of so many pieces: it
// begins a new one at every line feed, dollar and percent sign.
func moved(pieces, bytes int) float64 {
	return float64(pieces) * (8*float64(pieces) + float64(bytes)/2)
}

// notation is what a text is written in.
type notation int

const (
	inHCL notation = iota
	inJSON
	asTemplate
)

// measure tells how much there is in a text.
func measure(text []byte, in notation) extent {
	if in == inJSON {
		return measureJSON(text).extent
	}
	e := measureBytes(text, in)
	if e.words <= maxWords && (e.nesting > maxNesting || e.chain > maxChain || e.digits > 2*maxDigits || e.moved > maxMoved/10) {
		exact := measureTokens(text, in)
		exact.words, exact.braces, exact.equals = e.words, e.braces, e.equals
		return exact
	}
	return e
}

// excess says in sentences what is too much in a text for it to be parsed, or "".
func (e extent) excess() string {
	switch {
	case e.words > maxWords:
		return fmt.Sprintf("A block, a file in JSON and a template are limited to %d words and signs, and this has %d. Divide it.", maxWords, e.words)
	case e.nesting > maxNesting || e.chain > maxChain:
		return fmt.Sprintf("Expressions are limited to %d levels of nesting and %d operators in a row.", maxNesting, maxChain)
	case e.digits > 2*maxDigits:
		return fmt.Sprintf("Numbers have %d digits at most before the point, and as many after it.", maxDigits)
	case e.moved > maxMoved:
		return "A text with about ten thousand lines is the longest that is put together in one go. Divide it."
	}
	return ""
}

// heading names what excess explains.
func (e extent) heading() string {
	switch {
	case e.words > maxWords:
		return "this is too much to be parsed in one go"
	case e.nesting > maxNesting || e.chain > maxChain:
		return "nested too deep"
	case e.digits > 2*maxDigits:
		return "a number is too large"
	}
	return "a text has too many lines"
}

// parses counts what parsing a text takes.
func (b *budget) parses(e extent) {
	b.work += float64(e.words)*workWord + e.moved/movedPerStep
	b.bytes += float64(e.words)*bytesWord + float64(e.braces)*bytesBrace + float64(e.equals)*bytesEquals
	if b.work > maxWork || b.bytes > MaxMemory {
		b.pass(overText)
	}
}

// letters are the bytes that words are made of. Every byte of another script counts as
// a word.
var letters = func() (is [256]bool) {
	for c := range 0x80 {
		is[c] = c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
	return is
}()

// measureBytes counts without knowing what a string or a comment is, so it may count
// too much.
func measureBytes(text []byte, in notation) (e extent) {
	depth, operators, digits := 0, 0, 0
	pieces, lines := 1, 1
	heredoc, word, indent := in == asTemplate, false, in != asTemplate
	for i := 0; i < len(text); i++ {
		c := text[i]
		if indent && c != ' ' && c != '\t' {
			indent = false
			if n := comment(text[i:]); n > 0 { // wherever it stands, such a line is one
				i += n
				c = '\n'
			}
		}
		if letters[c] {
			if !word {
				e.words++
				word, digits = true, 0
			}
			if c > '9' {
				digits = 0
			} else if digits++; digits > e.digits {
				e.digits = digits
			}
			continue
		}
		word = false
		if c == ' ' || c == '\t' {
			continue
		}
		e.words++
		switch c {
		case '\n':
			lines++
			indent = in != asTemplate
		case '(', '[', '{':
			depth++
			operators++ // x[1][2] is a chain too
			if depth > e.nesting {
				e.nesting = depth
			}
			if c == '{' {
				e.braces++
			}
		case ')', ']', '}':
			if depth > 0 {
				depth--
			}
		case '$':
			pieces += 2
		case '%':
			pieces += 2
			operators++
		case '<':
			operators++
			heredoc = heredoc || i > 0 && text[i-1] == '<'
		case '!', '-', '+', '*', '/', '?', '>', '&', '|':
			operators++
		case '=':
			e.equals++
			if i > 0 && text[i-1] == '=' {
				operators++
			}
		}
	}
	e.chain = operators
	if heredoc {
		pieces += lines
	}
	e.moved = moved(pieces, len(text))
	return e
}

// comment is how long the comment is that a text begins with, without its line feed. One
// in which something could be a part of a template does not count: it may stand in a
// text over several lines.
func comment(text []byte) int {
	if text[0] != '#' && (len(text) < 2 || text[0] != '/' || text[1] != '/') {
		return 0
	}
	n := bytes.IndexByte(text, '\n')
	if n < 0 || bytes.IndexByte(text[:n], '$') >= 0 || bytes.IndexByte(text[:n], '%') >= 0 {
		return 0
	}
	return n
}

// measureTokens counts exactly. A chain ends where the parser would end the
// expression: at a comma, or at a line feed that is not inside parentheses.
func measureTokens(text []byte, in notation) (e extent) {
	lex := hclsyntax.LexConfig
	if in == asTemplate {
		lex = hclsyntax.LexTemplate
	}
	tokens, _ := lex(text, "", hcl.InitialPos)
	type bracket struct {
		hclsyntax.TokenType
		operators int // that stand before it
	}
	var open []bracket
	operators, pieces, bytes := 0, 0, 0
	directives := 0 // such as %{if}, that have not ended
	for i, t := range tokens {
		if t.Type == hclsyntax.TokenStringLit || t.Type == hclsyntax.TokenQuotedLit {
			pieces++
			bytes += len(t.Bytes)
		} else if pieces > 0 {
			e.moved += moved(pieces, bytes)
			pieces, bytes = 0, 0
		}
		switch t.Type {
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrack, hclsyntax.TokenOBrace, hclsyntax.TokenOQuote,
			hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			open = append(open, bracket{t.Type, operators})
			operators++
			if t.Type == hclsyntax.TokenTemplateControl && i+1 < len(tokens) {
				directives = max(0, directives+nests(tokens[i+1].Bytes))
			}
			e.nesting = max(e.nesting, len(open)+directives)
		case hclsyntax.TokenCParen, hclsyntax.TokenCBrack, hclsyntax.TokenCBrace, hclsyntax.TokenCQuote,
			hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			if n := len(open); n > 0 {
				if t.Type == hclsyntax.TokenTemplateSeqEnd {
					operators = open[n-1].operators // the parts of a template are not a chain
				}
				open = open[:n-1]
			}
		case hclsyntax.TokenComma:
			operators = 0
		case hclsyntax.TokenNewline:
			if len(open) == 0 || open[len(open)-1].TokenType == hclsyntax.TokenOBrace {
				operators = 0
			}
		case hclsyntax.TokenNumberLit:
			e.digits = max(e.digits, len(t.Bytes))
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenPlus, hclsyntax.TokenStar,
			hclsyntax.TokenSlash, hclsyntax.TokenPercent, hclsyntax.TokenQuestion, hclsyntax.TokenAnd,
			hclsyntax.TokenOr, hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan,
			hclsyntax.TokenGreaterThan, hclsyntax.TokenLessThanEq, hclsyntax.TokenGreaterThanEq:
			operators++
		}
		e.chain = max(e.chain, operators)
	}
	e.moved += moved(pieces, bytes)
	return e
}

// nests is by how much a directive of a template nests what follows.
func nests(keyword []byte) int {
	switch {
	case bytes.HasPrefix(keyword, []byte("end")):
		return -1
	case bytes.Equal(keyword, []byte("else")):
		return 0
	}
	return 1
}

// shape is what is in a text in JSON.
type shape struct {
	extent
	levels int     // outside of strings
	values float64 // at most
	deep   float64 // bytes, each as often as it is levels deep: the library copies what is inside at every level
}

// measureJSON counts what is in a text in JSON. Expressions live in its strings; a chain
// ends with its string, and brackets in it count as those around it do.
func measureJSON[T string | []byte](text T) (is shape) {
	level, inner, operators, digits := 0, 0, 0, 0
	quoted, scalar := false, false
	is.values = 1
	for i := 0; i < len(text); i++ {
		c := text[i]
		is.deep += float64(level + 1)
		if c == '"' {
			quoted = !quoted
			scalar = false
			if quoted {
				is.words++
			}
			is.chain, operators, inner, digits = max(is.chain, operators), 0, 0, 0
			continue
		}
		if quoted {
			switch c {
			case '\\':
				i++
			case '(', '[', '{':
				inner++
				operators++
				is.nesting = max(is.nesting, level+inner)
			case ')', ']', '}':
				inner = max(0, inner-1)
			case '!', '-', '+', '*', '/', '%', '?', '<', '>', '&', '|', '=':
				operators++
			}
			continue
		}
		if digits++; c < '0' || c > '9' {
			digits = 0
		}
		is.digits = max(is.digits, digits)
		switch c {
		case ' ', '\t', '\n', '\r':
			scalar = false
		case '[', '{':
			level++
			is.levels = max(is.levels, level)
			is.nesting = max(is.nesting, level)
			is.words++
			is.values++
			if c == '{' {
				is.braces++
			}
			scalar = false
		case ']', '}':
			level = max(0, level-1)
			is.words++
			scalar = false
		case ',', ':':
			is.words++
			is.values++
			if c == ':' {
				is.equals++
			}
			scalar = false
		default:
			if !scalar {
				is.words++
			}
			scalar = true
		}
	}
	return is
}
