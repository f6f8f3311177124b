package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"zup/providers/ssh/sshtest"
)

// canary is in everything that a script plants as a secret.
const canary = "CANARY"

// cmdLocked makes a key that is encrypted, and has nodes take it.
func cmdLocked(ts *testscript.TestScript, neg bool, args []string) {
	file, passphrase := ts.MkAbs(args[0]), args[1]
	key := sshtest.WriteKey(ts.Value("t").(testing.TB), "ed25519", file, passphrase)
	config := filepath.Join(ts.Getenv("HOME"), ".ssh", "config")
	text := ts.ReadFile(config)
	for _, name := range args[2:] {
		s := pairOf(ts, name).servers[name]
		s.AcceptKey(key)
		text = strings.ReplaceAll(text, s.IdentityFile(), file)
	}
	ts.Check(os.WriteFile(config, []byte(text), 0o600))
	ts.Setenv("LOCKED_KEY", secretLine(ts.ReadFile(args[0])))
}

// secretLine is the line of a private key in which the secret part is: the last one
// but one.
func secretLine(pem string) string {
	lines := strings.Split(strings.TrimSpace(pem), "\n")
	return lines[len(lines)-2]
}

// cmdCanaries looks into every file that there is, whoever made it and whatever it is
// called, archives too.
func cmdCanaries(ts *testscript.TestScript, neg bool, planted []string) {
	needles := [][]byte{[]byte(canary)}
	if key := ts.Getenv("LOCKED_KEY"); key != "" {
		needles = append(needles, []byte(key))
	}
	work, looked := ts.Getenv("WORK"), 0
	var found []string
	ts.Check(filepath.WalkDir(work, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(work, path)
		if err != nil {
			return err
		}
		looked++
		data, err := unpacked(path)
		if slices.ContainsFunc(needles, func(n []byte) bool { return bytes.Contains(data, n) }) {
			found = append(found, name)
		}
		return err
	}))
	for _, name := range found {
		if !slices.Contains(planted, name) {
			ts.Fatalf("a secret is in %s", name)
		}
	}
	for _, name := range planted {
		if !slices.Contains(found, name) {
			ts.Fatalf("%s should have a secret in it: this test can't see it", name)
		}
	}
	ts.Logf("looked into %d files", looked)
}

// unpacked is what a file holds, and what the files of an archive do.
func unpacked(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	zipped, gzErr := gzip.NewReader(bytes.NewReader(data))
	if err != nil || gzErr != nil {
		return data, err
	}
	text, err := io.ReadAll(zipped)
	if err != nil {
		return nil, err
	}
	all := tar.NewReader(bytes.NewReader(text))
	for {
		h, err := all.Next()
		if errors.Is(err, io.EOF) {
			return append(data, text...), nil
		}
		if err != nil {
			return nil, err
		}
		data = append(data, h.Name...)
	}
}
