package apply

import (
	"bytes"
	"slices"
	"strings"
)

// leastSecret is how many bytes a secret has at least: what is shorter would blot out
// half of everything.
const leastSecret = 6

// blotter hands on what a command prints, with what is secret blotted out wherever it
// begins and ends. What may be the beginning of a secret waits for what comes after it.
type blotter struct {
	secrets [][]byte
	output  func([]byte)

	raw   []byte // that has not been handed on
	clean []byte // the same, blotted
}

// newBlotter returns a blotter for secrets. One with several lines is blotted out line
// by line, too: that is how things are printed. Blanks around a secret or a line of it
// are not part of it: programs trim and indent what they print.
func newBlotter(secrets []string, output func([]byte)) *blotter {
	b := &blotter{output: output}
	add := func(s string) {
		if s = strings.TrimSpace(s); len(s) >= leastSecret {
			b.secrets = append(b.secrets, []byte(s))
		}
	}
	for _, s := range secrets {
		add(s)
		for line := range strings.Lines(s) {
			add(line)
		}
	}
	slices.SortFunc(b.secrets, bytes.Compare)
	b.secrets = slices.CompactFunc(b.secrets, bytes.Equal)
	return b
}

// write takes what was printed as it comes.
func (b *blotter) write(data []byte) {
	if len(b.secrets) == 0 {
		b.output(data)
		return
	}
	b.raw = append(b.raw, data...)
	b.clean = append(b.clean, data...)
	waits := 0
	for _, s := range b.secrets {
		b.blot(s)
		waits = max(waits, begun(b.raw, s))
	}
	b.handOn(len(b.raw) - waits)
}

// end hands on what still waits.
func (b *blotter) end() { b.handOn(len(b.raw)) }

func (b *blotter) blot(secret []byte) {
	for at := 0; ; at++ {
		i := bytes.Index(b.raw[at:], secret)
		if i < 0 {
			return
		}
		at += i
		for j := range secret {
			b.clean[at+j] = '*'
		}
	}
}

func (b *blotter) handOn(n int) {
	if n <= 0 {
		return
	}
	b.output(slices.Clone(b.clean[:n]))
	b.raw = append(b.raw[:0], b.raw[n:]...)
	b.clean = append(b.clean[:0], b.clean[n:]...)
}

// begun is how many bytes at the end of a text may be the beginning of a secret.
func begun(text, secret []byte) int {
	for n := min(len(secret)-1, len(text)); n > 0; n-- {
		if bytes.HasSuffix(text, secret[:n]) {
			return n
		}
	}
	return 0
}
