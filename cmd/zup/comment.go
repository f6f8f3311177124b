package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/document"
	"zup/plan/review"
	"zup/plan/stream"
)

// comment is what a command says in Markdown to those who read a pull request: its
// plan, and whatever it puts into the stream as a diagnostic.
type comment struct {
	to      []io.Writer
	file    *os.File
	said    []stream.Diagnostic
	plan    *document.Document // nil: none was made
	planned bool               // warnings from now on are the plan's own, which its document has
}

// commentFlags say where the Markdown goes.
type commentFlags struct {
	markdown bool
	into     string
}

// The names of the options.
const (
	commentFlag     = "md"
	commentIntoFlag = "md-into"
)

var commentOutput = output{"comment", "-md-into", isComment}

// addComment adds the flags to a command that has those of the stream.
func (c *cli) addComment(cmd *cobra.Command) {
	var f commentFlags
	cmd.Flags().BoolVar(&f.markdown, commentFlag, false, "print nothing but Markdown for a comment on a pull request, also where there is no plan")
	cmd.Flags().StringVar(&f.into, commentIntoFlag, "", "write that Markdown to this `file` too; what is there is replaced only if it is such a comment")
	openStream := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if asJSON, _ := cmd.Flags().GetBool("json"); asJSON && f.markdown {
			return usagef("give one of them a file: -json-into or -md-into", "-json and -md are both for standard output")
		}
		for _, other := range []string{"json-into", "out"} {
			if path, _ := cmd.Flags().GetString(other); f.into != "" && path != "" && filepath.Clean(path) == filepath.Clean(f.into) {
				return usagef("give each a file of its own", "-%s and -md-into name the same file", other)
			}
		}
		if err := c.openComment(f); err != nil {
			return err
		}
		return openStream(cmd, args)
	}
}

// openComment begins to listen to what is said. With -md stdout is Markdown and nothing
// else; stderr stays as it is.
func (c *cli) openComment(f commentFlags) error {
	if !f.markdown && f.into == "" {
		return nil
	}
	c.comment = &comment{}
	if c.stream == nil {
		c.stream = stream.New(c.now)
	}
	c.comment.listen(c.stream)
	if f.markdown {
		c.comment.to = append(c.comment.to, c.out)
		c.out = io.Discard
	}
	if f.into == "" {
		return nil
	}
	file, err := commentOutput.create(f.into)
	if err != nil {
		return err
	}
	c.comment.file = file
	c.comment.to = append(c.comment.to, file)
	return nil
}

// listen collects what a stream is told. A nil comment does not.
func (m *comment) listen(s *stream.Writer) {
	if m == nil {
		return
	}
	s.Listen(func(message stream.Message) {
		if d := message.Diagnostic; d != nil && !(m.planned && d.Severity == config.Warning) {
			m.said = append(m.said, *d)
		}
	})
}

// commentOn makes the plan part of the comment.
func (c *cli) commentOn(p *plan.Plan, path string) error {
	if c.comment == nil {
		return nil
	}
	d, err := c.changeDocument(p, path, nil) // it was proven when it was made
	c.comment.plan, c.comment.planned = d, true
	return err
}

// closeComment writes the Markdown. That it can't be written changes nothing about how
// the command ended.
func (c *cli) closeComment(code int) {
	if c.comment == nil {
		return
	}
	d := c.comment.plan
	if d == nil || len(c.comment.said) > 0 {
		d = review.Outcome(d, c.comment.said, review.End{Code: code, Means: meanings[code], Rule: code == exitRule})
	}
	var text bytes.Buffer
	errs := []error{document.Markdown(&text, d)}
	for _, to := range c.comment.to {
		_, err := to.Write(text.Bytes())
		errs = append(errs, err)
	}
	if c.comment.file != nil {
		errs = append(errs, c.comment.file.Close())
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintf(c.log, "zup: warning: the comment is not complete: %v\n", err)
	}
}

// commentAnyway opens the comment of a command line that was not understood, as far as
// it says that one is wanted.
func (c *cli) commentAnyway(root *cobra.Command, args []string) {
	cmd, rest, err := root.Find(singleDash(root, args))
	if c.comment != nil || err != nil || cmd.Flags().Lookup(commentIntoFlag) == nil {
		return
	}
	var f commentFlags
	if err := readLenient(cmd, rest, &f); err != nil {
		return
	}
	if err := c.openComment(f); err != nil {
		c.exit(err)
	}
}

// readLenient reads the flags of the comment from a command line in which others may
// have values that they can't have, or are not there.
func readLenient(cmd *cobra.Command, args []string, f *commentFlags) error {
	lenient := pflag.NewFlagSet("", pflag.ContinueOnError)
	lenient.ParseErrorsAllowlist.UnknownFlags = true
	lenient.Usage = func() {}
	lenient.BoolVar(&f.markdown, commentFlag, false, "")
	lenient.StringVar(&f.into, commentIntoFlag, "", "")
	cmd.Flags().VisitAll(func(known *pflag.Flag) {
		if lenient.Lookup(known.Name) == nil {
			lenient.String(known.Name, "", "")
			lenient.Lookup(known.Name).NoOptDefVal = known.NoOptDefVal
		}
	})
	err := lenient.Parse(args)
	f.markdown = f.markdown && !lenient.Changed("json")
	return err
}

// isComment reports whether a file is Markdown that zup has written.
func isComment(r io.Reader) bool {
	text, _ := io.ReadAll(io.LimitReader(r, 8*document.MarkdownLimit))
	return review.IsComment(text)
}
