//go:build !zup_handicap

package zevenet

// A handicap leaves out a precaution. Builds with the tag zup_handicap have them,
// for tests that show that the lab can tell; no other build does.
const (
	withoutBlock  = false // MASTER does not keep BACKUP out
	withoutSettle = false // the old MASTER is touched as soon as it is in maintenance mode
	shortLimits   = false // what is waited for longest has 40 s, so that a test need not wait as long
)
