// Package pair holds what every product needs that is a pair of nodes, whatever runs on
// them: how findings of checks become a verdict, how actions are put in order, and the
// parts of scripts that find out what is zup's own on a node.
//
// It knows no product, and like the products it does no I/O.
package pair

import "embed"

// Scripts are parts of scripts for nodes, each a file below node/; who uses one puts it
// in front of his own.
//
//go:embed node/*.sh
var Scripts embed.FS
