package escape

import "bytes"

// Drawn returns what a terminal shows of output that may have colours and progress
// bars in it: control sequences are taken out, with whatever they drew elsewhere on
// the screen. Nothing is escaped: the result is for a pattern and not for a person.
func Drawn(output []byte) []byte {
	if bytes.IndexByte(output, '\x1b') < 0 {
		return output
	}
	return sequence.ReplaceAll(elsewhere.ReplaceAll(output, nil), nil)
}
