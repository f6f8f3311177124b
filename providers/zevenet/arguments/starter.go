package arguments

import _ "embed"

//go:embed starter.zup.hcl
var starter []byte

// Starter returns the commented configuration of a pair of the family that zup init
// writes. It is valid as it is; what people have to change first is its addresses.
func Starter() []byte { return append([]byte(nil), starter...) }
