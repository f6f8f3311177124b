// Package vrrp knows roles as keepalived has them: what keepalived says of its instances,
// how long a move of the role takes by VRRP's arithmetic, and the parts of scripts that
// ask keepalived and announce addresses.
//
// It knows no product, and does no I/O.
package vrrp

import "embed"

// Scripts are parts of scripts for nodes, each a file below node/.
//
//go:embed node
var Scripts embed.FS
