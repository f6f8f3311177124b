package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"zup/plan/config"
	"zup/plan/disk"
	"zup/plan/escape"
)

// formatting is one run of zup fmt.
type formatting struct {
	*cli
	check bool
	diff  bool

	formatter config.Formatter

	changed int
	failed  bool
}

func (c *cli) fmtCommand() *cobra.Command {
	f := &formatting{cli: c}
	cmd := &cobra.Command{
		Use:   "fmt [FILE... | -]",
		Short: "Rewrite configuration files in the canonical form",
		Long: `fmt rewrites the given files, or every *.zup.hcl and *.zup.vars of the directory,
in the canonical form, and prints the names of those it changed. "-" reads
standard input and writes standard output. A link is not followed: name what it
leads to.`,
		Args: arguments(0, 1000),
		RunE: func(_ *cobra.Command, args []string) error { return f.run(args) },
	}
	cmd.Flags().BoolVar(&f.check, "check", false, "change nothing; exit with 1 if a file is not in the canonical form")
	cmd.Flags().BoolVar(&f.diff, "diff", false, "print what is changed")
	return cmd
}

func (f *formatting) run(args []string) error {
	if slices.Equal(args, []string{"-"}) {
		return f.stream()
	}
	files, err := f.files(args)
	if err != nil {
		return err
	}
	if !f.check {
		if err := rewritable(files); err != nil {
			return err
		}
	}
	for _, path := range files {
		if err := f.file(path); err != nil {
			return err
		}
	}
	switch {
	case f.failed:
		return fail(exitError, "", "not every file could be read")
	case f.check && f.changed > 0:
		return said(exitError)
	}
	return nil
}

func (f *formatting) files(args []string) ([]string, error) {
	dir, err := f.directory()
	if err != nil {
		return nil, err
	}
	if len(args) > 0 {
		for i, a := range args {
			args[i] = inDir(dir, a)
		}
		return args, nil
	}
	names, err := config.Sources(dir)
	if err != nil {
		return nil, fail(exitError, "", "directory %q: %w", dir, err)
	}
	for i := range names {
		names[i] = inDir(dir, names[i])
	}
	return names, nil
}

func (f *formatting) stream() error {
	src, err := io.ReadAll(io.LimitReader(f.in, disk.MaxText+1))
	if err == nil && len(src) > disk.MaxText {
		err = &disk.SizeError{Limit: disk.MaxText}
	}
	if err != nil {
		return fail(exitError, "", "read standard input: %w", err)
	}
	out, err := f.format(src, "<stdin>")
	if err != nil || f.failed {
		return errorOr(err, said(exitError))
	}
	if f.check && !bytes.Equal(src, out) {
		return said(exitError)
	}
	_, err = f.filtered().Write(out)
	return err
}

func errorOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// format returns the canonical form; mistakes are written to stderr.
func (f *formatting) format(src []byte, name string) ([]byte, error) {
	out, diags := f.formatter.Format(src, name)
	if diags.HasErrors() {
		f.failed = true
	}
	return out, diags.WriteText(f.err, f.colored(f.err), width(f.err))
}

func (f *formatting) file(path string) error {
	src, err := readSource(path)
	if err != nil {
		return err
	}
	failed := f.failed
	f.failed = false
	out, err := f.format(src, path)
	bad := f.failed
	f.failed = failed || bad
	if err != nil || bad || bytes.Equal(src, out) {
		return err
	}
	f.changed++
	if f.diff {
		before, after := config.Shown(src, out, path)
		fmt.Fprint(f.out, escape.Text(string(diff.Diff("old/"+escape.Name(path), before, "new/"+escape.Name(path), after))))
		if bytes.Equal(before, after) {
			fmt.Fprintf(f.out, "%s: the layout of values that are not shown\n", escape.Name(path))
		}
	} else {
		fmt.Fprintln(f.out, escape.Name(path))
	}
	if f.check {
		return nil
	}
	return f.replace(path, out)
}

// replace writes the file whole or not at all, and keeps its mode.
func (f *formatting) replace(path string, data []byte) error {
	if err := disk.Rewrite(path, data); err != nil {
		return fail(exitError, "", "write %s: %w", strings.TrimSpace(path), err)
	}
	return nil
}
