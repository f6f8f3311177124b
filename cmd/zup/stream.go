package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"zup/plan/disk"
	"zup/plan/stream"
)

// streamFlags are the flags of every command that tells programs what it does.
type streamFlags struct {
	json bool
	into string
}

func (c *cli) addStream(cmd *cobra.Command) {
	var f streamFlags
	cmd.Flags().BoolVar(&f.json, "json", false, "print nothing but a stream of JSON objects, one a line, and ask nothing")
	cmd.Flags().StringVar(&f.into, "json-into", "", "write the stream to this `file` too; what is there is replaced only if it is a stream")
	cmd.PreRunE = func(*cobra.Command, []string) error { return c.openStream(f) }
}

// openStream begins the stream, before anything else is done. With -json nothing is
// written for people: stdout is the stream, and stderr has the log alone.
func (c *cli) openStream(f streamFlags) error {
	unbrokenByPipes() // that nobody reads any more must not end it before its files are written
	var to []io.Writer
	if f.into != "" {
		file, err := streamOutput.create(f.into)
		if err != nil {
			return err
		}
		c.streamFile = file
		to = append(to, file)
	}
	if f.json {
		to = append(to, c.raw)
		c.out, c.err, c.machine = io.Discard, io.Discard, true
	}
	if to != nil {
		c.stream = stream.New(c.now, to...)
		c.comment.listen(c.stream)
		c.stream.Send(stream.Version(version))
	}
	return nil
}

// output is a kind of file that zup writes where an option says.
type output struct {
	name   string // "the stream"
	option string // that names the file
	is     func(io.Reader) bool
}

var streamOutput = output{"stream", "-json-into", isStream}

// create opens the file of an output, mode 0600. Nobody loses a plan or a
// configuration to a wrong argument: only what is empty or of the same kind is
// replaced. A descriptor that zup was started with, a pipe or a device is written to as
// it is.
func (o output) create(path string) (*os.File, error) {
	if f, ok, err := disk.Descriptor(path); ok {
		return f, o.unwritable(err)
	}
	f, err := disk.Edit(path, 0o600)
	var kind *disk.KindError
	if errors.As(err, &kind) && kind.IsPipe() {
		f, err := disk.Pipe(path)
		return f, o.unwritable(err)
	}
	if err != nil {
		return nil, o.unwritable(err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 && !o.is(f) {
		f.Close()
		return nil, fail(exitError, "give the name of a file that is not there", "write the %s: %s is there and is not a %s; it was not touched", o.name, path, o.name)
	}
	if err = errors.Join(err, f.Truncate(0), f.Chmod(0o600)); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, o.unwritable(err)
	}
	return f, nil
}

func (o output) unwritable(err error) error {
	if err == nil {
		return nil
	}
	return fail(exitError, linkHint(err, o.option), "write the %s: %w", o.name, err)
}

// isStream reports whether a file begins like a stream.
func isStream(r io.Reader) bool {
	head, _ := io.ReadAll(io.LimitReader(r, 4096))
	line, _, _ := bytes.Cut(head, []byte("\n"))
	var m stream.Message
	return json.Unmarshal(line, &m) == nil && m.Type == stream.TypeVersion && m.Zup != ""
}

// closeStream says what could not be written: nothing was stopped by it.
func (c *cli) closeStream() {
	errs := c.stream.Errs()
	if c.streamFile != nil {
		errs = append(errs, c.streamFile.Close())
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintf(c.log, "zup: warning: the stream is not complete: %v\n", err)
	}
}

// warned puts a warning into the stream. Where people read it is the caller's to say.
func (c *cli) warned(cluster, hint, format string, args ...any) {
	c.stream.Send(stream.Warned(cluster, fmt.Sprintf(format, args...), hint))
}
