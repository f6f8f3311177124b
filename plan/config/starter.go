package config

import _ "embed"

//go:embed starter.zup.hcl
var starter []byte

// Starter returns the commented configuration that zup init writes. Load accepts
// it as it is; what people have to change first is its addresses.
func Starter() []byte { return append([]byte(nil), starter...) }
