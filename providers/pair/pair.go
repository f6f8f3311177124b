// Package pair holds what every product needs that is a pair of nodes, whatever runs on
// them: how findings of checks become a verdict, how actions are put in order, and the
// parts of scripts that find out what is zup's own on a node.
//
// It knows no product, and like the products it does no I/O.
package pair

import (
	"embed"
	"io/fs"
	"strings"
)

// Scripts are parts of scripts for nodes, each a file below node/; who uses one puts it
// in front of his own.
//
//go:embed node/*.sh
var Scripts embed.FS

// Part returns a part of a script by its name, from the first of these that has it, a name
// below node/, or else from Scripts.
func Part(name string, from ...fs.ReadFileFS) string {
	for _, scripts := range append(from, Scripts) {
		if data, err := scripts.ReadFile("node/" + name); err == nil {
			return string(data)
		}
	}
	panic(name) // embedded: a name that is not there is a defect found by every test
}

// Uncommented is a function of a script without the comments in front of it: what is in a
// plan several times is not explained there each time, or a comment of a merge request has
// no room for it.
func Uncommented(function string) string {
	for strings.HasPrefix(function, "#") {
		_, function, _ = strings.Cut(function, "\n")
	}
	return function
}

// Quote makes one word of s for a POSIX shell.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
