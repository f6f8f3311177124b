package config

// IsSource reports whether Load reads a file of that name in a configuration's
// directory without being asked for it by an expression.
func IsSource(name string) bool { return isSource(name) }
