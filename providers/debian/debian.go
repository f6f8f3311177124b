// Package debian knows what Debian nodes have in common: packages, dpkg and apt, reboots.
//
// It knows no product, and does no I/O.
package debian

import "embed"

// Scripts are parts of scripts for nodes, each a file below node/.
//
//go:embed node/*.sh
var Scripts embed.FS
