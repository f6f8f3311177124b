package main

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// BenchmarkVersion starts zup as a process of its own, which says its version.
func BenchmarkVersion(b *testing.B) {
	zup := filepath.Join(b.TempDir(), "zup")
	if out, err := exec.Command("go", "build", "-o", zup, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for b.Loop() {
		if out, err := exec.Command(zup, "version").CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
}
