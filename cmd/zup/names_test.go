package main

import (
	"testing"
	"time"

	"zup/plan/name"
)

func TestARunHasANameOfZups(t *testing.T) {
	for range 100 {
		if id := runID(time.Now()); !name.Run(id) {
			t.Errorf("%q", id)
		}
	}
}
