package main

import (
	_ "embed"
	"io"
)

// licenses is what the binary contains that others have written: each module with its
// version and licence, then the texts. A test writes it, with -update, and compares it
// with go.mod.
//
//go:embed licenses.txt
var licenses string

func (c *cli) printLicenses() error {
	_, err := io.WriteString(c.filtered(), licenses)
	return err
}
