package apply

import (
	"testing"
	"time"
)

// A node is looked at often as long as something is about to happen, and left alone
// where it is slow, or has been waited for for long.
func TestPause(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct{ took, waited, want time.Duration }{
		{20 * ms, 100 * ms, 250 * ms},
		{20 * ms, 2 * time.Second, 250 * ms},
		{900 * ms, 1 * time.Second, 900 * ms},
		{20 * ms, 8 * time.Second, time.Second},
		{20 * ms, time.Hour, 2 * time.Second},
		{5 * time.Second, time.Hour, 5 * time.Second},
	} {
		if got := pause(250*ms, tt.took, tt.waited); got != tt.want {
			t.Errorf("after a look of %v and %v in all it is left alone for %v, want %v", tt.took, tt.waited, got, tt.want)
		}
	}
}
