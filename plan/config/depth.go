package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// The parser and the evaluator of HCL call themselves for every level of
// nesting and for every operator of a chain, and an overflowing stack ends the
// process. These limits are far above what people write and far below what
// overflows.
const (
	maxNesting = 500
	maxChain   = 50_000
)

// tooDeep reports whether a text is nested deeper, or has longer chains of
// operators, than the parser should be given. What is harmless by a count of
// its bytes, which is nearly every file, is not looked at any closer.
func tooDeep(text []byte, json bool) bool {
	nesting, chain := measureBytes(text, json)
	if nesting <= maxNesting && chain <= maxChain {
		return false
	}
	if json {
		return true
	}
	nesting, chain = measureTokens(text)
	return nesting > maxNesting || chain > maxChain
}

// measureBytes counts without knowing what a string or a comment is, so it may
// count too much. In JSON, where expressions live in strings, a chain ends with
// its string.
func measureBytes(text []byte, json bool) (nesting, chain int) {
	depth, operators := 0, 0
	for i, c := range text {
		switch c {
		case '(', '[', '{':
			depth++
			operators++ // x[1][2] is a chain too
			nesting = max(nesting, depth)
		case ')', ']', '}':
			depth = max(0, depth-1)
		case '!', '-', '+', '*', '/', '%', '?', '<', '>', '&', '|':
			operators++
		case '=':
			if i > 0 && text[i-1] == '=' {
				operators++
			}
		case '"':
			if json {
				chain, operators = max(chain, operators), 0
			}
		}
	}
	return nesting, max(chain, operators)
}

// measureTokens counts exactly. A chain ends where the parser would end the
// expression: at a comma, or at a line feed that is not inside parentheses.
func measureTokens(text []byte) (nesting, chain int) {
	tokens, _ := hclsyntax.LexConfig(text, "", hcl.InitialPos)
	var open []hclsyntax.TokenType
	operators := 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrack, hclsyntax.TokenOBrace, hclsyntax.TokenOQuote,
			hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			open = append(open, t.Type)
			nesting = max(nesting, len(open))
			operators++
		case hclsyntax.TokenCParen, hclsyntax.TokenCBrack, hclsyntax.TokenCBrace, hclsyntax.TokenCQuote,
			hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			open = open[:max(0, len(open)-1)]
		case hclsyntax.TokenComma:
			operators = 0
		case hclsyntax.TokenNewline:
			if len(open) == 0 || open[len(open)-1] == hclsyntax.TokenOBrace {
				operators = 0
			}
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenPlus, hclsyntax.TokenStar,
			hclsyntax.TokenSlash, hclsyntax.TokenPercent, hclsyntax.TokenQuestion, hclsyntax.TokenAnd,
			hclsyntax.TokenOr, hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan,
			hclsyntax.TokenGreaterThan, hclsyntax.TokenLessThanEq, hclsyntax.TokenGreaterThanEq:
			operators++
			chain = max(chain, operators)
		}
		chain = max(chain, operators)
	}
	return nesting, chain
}
