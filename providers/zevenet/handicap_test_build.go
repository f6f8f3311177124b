//go:build zup_handicap

package zevenet

import "os"

var (
	withoutBlock  = os.Getenv("ZUP_HANDICAP") == "block"
	withoutSettle = os.Getenv("ZUP_HANDICAP") == "settle"
	shortLimits   = os.Getenv("ZUP_HANDICAP") == "limits"
)
