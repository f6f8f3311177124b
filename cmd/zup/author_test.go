package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// place makes directories and files, and returns where they are.
func place(t *testing.T, files ...string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		name, text, _ := strings.Cut(name, "=")
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Which git is started is the machine's affair, wherever PATH leads to.
func TestNoProgramOfTheCheckoutIsFound(t *testing.T) {
	dir := place(t, "co/conf/git", "co/bin/git", "co/git", "usr/bin/git", "co/conf/edge.zup.hcl", "plain/x")
	t.Chdir(filepath.Join(dir, "co"))
	for link, target := range map[string]string{"to-bin": "co/bin", "usr/other": "../co/bin", "plain/git": "../co/bin/git", "co/own": "../usr/bin"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	good := filepath.Join(dir, "usr/bin/git")
	in := func(names ...string) string {
		for i, name := range names {
			names[i] = filepath.Join(dir, name)
		}
		return strings.Join(names, string(filepath.ListSeparator))
	}
	for path, want := range map[string]string{
		"":                            "",
		":":                           "",
		".":                           "",
		"bin:conf:./bin:../co/bin":    "",
		"../usr/bin":                  "", // what is relative is where the checkout wants it to be
		in("co", "co/bin", "co/conf"): "",
		in("to-bin", "usr/other", "co/bin/../bin", "usr/../co/bin"): "",
		in("plain"):   "", // git is a link into the checkout there
		in("co/own"):  "", // the checkout says where to
		in("usr/bin"): good,
		".:bin:" + in("to-bin", "plain", "nowhere", "usr/bin"): good,
	} {
		f := newForeign("conf", filepath.Join(dir, "co"))
		if got := f.program(path, "git"); got != want {
			t.Errorf("PATH=%s: %q, want %q", path, got, want)
		}
	}
	// Without a repository it is the configuration's directory that is not looked into.
	f := newForeign("conf", "")
	if got := f.program(in("co/conf"), "git"); got != "" {
		t.Errorf("%q was found", got)
	}
}

// Without a repository nobody knows who has written what is in the directory; but a home
// directory is its user's.
func TestSettingsOfTheDirectoryAreNotTheUsers(t *testing.T) {
	dir := place(t, "home/.gitconfig", "home/conf/.gitconfig")
	f := newForeign(filepath.Join(dir, "home"), "")
	for home, want := range map[string]bool{filepath.Join(dir, "home"): true, "/root-of-somebody": false, "": false, dir: false} {
		f.home = home
		if err := f.brought(t.Context(), filepath.Join(dir, "home/.gitconfig")); (err == nil) != want {
			t.Errorf("at home in %q: %v", home, err)
		}
	}
	f = newForeign(filepath.Join(dir, "home/conf"), "")
	f.home = filepath.Join(dir, "home")
	if f.brought(t.Context(), filepath.Join(dir, "home/conf/.gitconfig")) == nil {
		t.Error("the settings of a directory at home were believed")
	}
	if err := f.brought(t.Context(), filepath.Join(dir, "home/.gitconfig")); err != nil {
		t.Error(err)
	}
	for _, top := range []string{"", dir} {
		if newForeign(filepath.Join(dir, "home/conf"), top).brought(t.Context(), ".gitconfig") == nil {
			t.Errorf("settings without a place were believed in %q", top)
		}
	}
}

func TestLastEmail(t *testing.T) {
	f := newForeign("/nowhere/co", "")
	for answer, want := range map[string]string{
		"": "",
		"file:/home/a/.gitconfig\x00user.email\na@example.com\x00":                         "a@example.com",
		"file:/a\x00user.email\na@example.com\x00file:/b\x00user.email\nb@example.com\x00": "b@example.com",
		"file:/a\x00include.path\nx\x00file:/x\x00user.email\nx@example.com\x00":           "x@example.com",
		"file:/a\x00user.email\x00":                                                          "", // a key without a value
		"file:/a\x00user.email\na@example.com":                                               "error",
		"a@example.com\n":                                                                    "error",
		"command line:\x00user.email\na@example.com\x00":                                     "error",
		"blob:x\x00user.email\na@example.com\x00":                                            "error",
		"file:.git/config\x00user.email\na@example.com\x00":                                  "error",
		"file:/nowhere/co/.gitconfig\x00user.email\na@example.com\x00":                       "error",
		"file:/nowhere/co/x\x00include.path\n/b\x00file:/b\x00user.email\nb@example.com\x00": "error",
	} {
		got, err := f.lastEmail(t.Context(), answer)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %q %v, want %q", answer, got, err, want)
		}
	}
}

func TestNothingForGitIsHandedOn(t *testing.T) {
	got := gitEnvironment([]string{
		"HOME=/h", "PATH=/bin", "GIT_DIR=/co/.git", "GIT_WORK_TREE=/co", "GIT_CONFIG=/co/x", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=user.email", "GIT_CONFIG_VALUE_0=x",
		"GIT_CONFIG_PARAMETERS='x'", "GIT_COMMON_DIR=/co", "GIT_INDEX_FILE=/co/x", "GIT_OBJECT_DIRECTORY=/co", "GIT_ALTERNATE_OBJECT_DIRECTORIES=/co",
		"GIT_CEILING_DIRECTORIES=/", "GIT_EXEC_PATH=/co", "GIT_TRACE=/co/x", "GIT_PAGER=x", "GIT_SSH_COMMAND=x", "GIT_EXTERNAL_DIFF=x", "PWD=/co", "OLDPWD=/co",
		"GIT_CONFIG_GLOBAL=/g", "GIT_CONFIG_SYSTEM=/s", "GIT_CONFIG_NOSYSTEM=1",
	})
	want := []string{"HOME=/h", "PATH=/bin", "GIT_CONFIG_GLOBAL=/g", "GIT_CONFIG_SYSTEM=/s", "GIT_CONFIG_NOSYSTEM=1", "GIT_DIR=/dev/null", "LC_ALL=C"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A git that does not end is not waited for, nor one that leaves somebody behind who
// holds its output.
func TestGitThatHangs(t *testing.T) {
	dir := place(t, "sleeps=#!/bin/sh\nexec sleep 60\n", "leaves=#!/bin/sh\nsleep 5 &\nexit 1\n", "shouts=#!/bin/sh\necho 'fatal: \x1b[2J' >&2\nexit 128\n")
	c := newCLI(stdio{nil, io.Discard, io.Discard}, []string{"HOME=" + dir, "PATH=/usr/bin:/bin"})
	f := newForeign("/nowhere/co", "")
	for name, want := range map[string]string{"sleeps": "did not answer in time", "leaves": "", "shouts": `exit status 128: fatal: \x1b[2J`} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		start := time.Now()
		email, err := f.email(ctx, c, filepath.Join(dir, name), "--global")
		cancel()
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%s: it took %s", name, took)
		}
		if email != "" || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %q %v, want %q", name, email, err, want)
		}
	}
}
