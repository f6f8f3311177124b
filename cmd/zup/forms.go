package main

import (
	"bufio"
	"io"

	"github.com/spf13/cobra"

	"zup/plan/document"
	"zup/plan/show"
)

// forms are the ways in which a plan or a run is printed. Without any: as text.
type forms struct {
	json, markdown, html bool
	verbose              bool
}

func (f *forms) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	cmd.Flags().BoolVar(&f.markdown, "md", false, "print Markdown for a comment on a pull request")
	cmd.Flags().BoolVar(&f.html, "html", false, "print one self-contained HTML page")
	addVerbose(cmd, &f.verbose)
	cmd.PreRunE = func(*cobra.Command, []string) error { return f.check() }
}

func (f *forms) check() error {
	n := 0
	for _, is := range []bool{f.json, f.markdown, f.html} {
		if is {
			n++
		}
	}
	if n > 1 {
		return usagef("call it once for each", "-json, -md and -html are three forms: only one of them can be printed")
	}
	return nil
}

// document writes a document as Markdown, HTML or text.
func (c *cli) document(d *document.Document, f *forms) error {
	w := bufio.NewWriter(c.out)
	write := map[bool]func(io.Writer, *document.Document) error{f.markdown: document.Markdown, f.html: document.HTML}[true]
	if write == nil {
		return show.Document(c.out, d, c.show(f.verbose))
	}
	if err := write(w, d); err != nil {
		return err
	}
	return w.Flush()
}
