//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// running lists the processes whose command line satisfies match; zombies and
// this process are left out.
func running(match func(argv []string) bool) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		line, err := os.ReadFile(file)
		if err != nil || len(line) == 0 || pid == os.Getpid() {
			continue
		}
		if match(strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func isKeepalived(argv []string) bool { return filepath.Base(argv[0]) == "keepalived" }

// isReplicator knows both ways to start it, by its verb and by its link, as a program and
// as a script.
func isReplicator(argv []string) bool {
	argv = verb(argv)
	return len(argv) == 1 && argv[0] == own.replicator
}
