package state

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"zup/plan/disk"
)

// Chain is what the digests of a run's folder say: the sums of the journal's lines
// hang together, and its lines name the files that were complete when they were
// written with theirs. Whoever keeps End elsewhere, in a change request for example,
// can show later that nothing was altered: who alters a file and every digest after
// it gets another End.
type Chain struct {
	Altered []string // what is not as it was written, in words; empty: nothing is known to be altered
	End     string   // SHA-256 of the journal, hex
	Files   int      // files whose digest is right
	Lines   int
	Open    bool // the journal does not say that the run has ended
}

// JournalFile is the journal's name in the folder of a run.
const JournalFile = "journal.jsonl"

// VerifyRun compares a run's folder with its journal, and returns the journal's
// entries as far as they can be believed. An error means that it could not look; what
// was altered is in the answer.
func VerifyRun(dir string) (Chain, []Entry, error) {
	d, err := disk.OpenDir(dir)
	if err != nil {
		return Chain{}, nil, fmt.Errorf("verify run: %w", err)
	}
	defer d.Close()
	path := filepath.Join(dir, JournalFile)
	end, err := FileDigest(path)
	if err != nil {
		return Chain{}, nil, fmt.Errorf("verify run: %w", err)
	}
	entries, cut, err := ReadJournal(path)
	c := Chain{End: end, Lines: len(entries), Open: true}
	var damaged *DamagedJournalError
	switch {
	case errors.As(err, &damaged):
		c.Altered = append(c.Altered, fmt.Sprintf("journal.jsonl: line %d %s", damaged.Entry, damaged.Reason))
	case err != nil:
		return c, nil, err
	}
	files := map[string]string{}
	for _, e := range entries {
		maps.Copy(files, e.Files)
		c.Open = e.Event != RunEnd
	}
	if cut && !c.Open {
		c.Altered = append(c.Altered, fmt.Sprintf("journal.jsonl: something follows line %d, the last one", c.Lines))
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		c.file(d, name, files[name])
	}
	return c, entries, nil
}

// file compares one file with the digest that the journal has of it.
func (c *Chain) file(d *disk.Dir, name, want string) {
	if !filepath.IsLocal(name) {
		c.Altered = append(c.Altered, fmt.Sprintf("journal.jsonl names the file %q, which is not in the run's folder", name))
		return
	}
	got := ""
	f, err := d.OpenPlain(name)
	if err == nil {
		got, err = digest(f)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.Altered = append(c.Altered, name+" is missing")
	case err != nil:
		c.Altered = append(c.Altered, name+" can't be read: "+err.Error())
	case got != want:
		c.Altered = append(c.Altered, name+" was altered after it was written")
	default:
		c.Files++
	}
}

// FileDigest is the SHA-256 of a file, hex.
func FileDigest(path string) (string, error) {
	f, err := disk.Open(path)
	if err != nil {
		return "", err
	}
	return digest(f)
}

// digest closes the file.
func digest(f *disk.File) (string, error) {
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
