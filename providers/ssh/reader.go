package ssh

import (
	"cmp"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"zup/plan/shell"
)

// A key may be one that only reads: its account runs nothing on the node but a script
// that package reader makes, whatever is sent. It answers what the first line of a
// session asks (see bootstrap), and its own first line is
//
//	MARK zup-reader PROTOCOL EDITION VERSION VERDICT
//
// where MARK alone stands otherwise. VERDICT is "ok", and the answer follows; "other", and
// the facts that were asked for are those of another edition; or anything else, and
// nothing was done.
const readerWord = "zup-reader"

// ReaderProtocol is the form of requests and answers. ReaderEdition is the edition of the
// reader's script that this program needs: the number is raised whenever the script changes.
const (
	ReaderProtocol = 1
	ReaderEdition  = 1
)

// A Reader is what answers on a host whose key may only read.
type Reader struct {
	Protocol, Edition int
	Version           string // of the zup that has made it
}

// parseReader reads what follows the name in a reader's first line.
func parseReader(line string) (r Reader, verdict string, err error) {
	fields := strings.Fields(line)
	if len(line) > 200 || len(fields) != 4 {
		return r, "", fmt.Errorf("%.200q", line)
	}
	var numbers [2]int
	for i := range numbers {
		n, err := strconv.ParseUint(fields[i], 10, 16)
		if err != nil {
			return r, "", fmt.Errorf("%.200q", line)
		}
		numbers[i] = int(n)
	}
	for _, c := range fields[2] {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.ContainsRune(".+~-", c)) {
			return r, "", fmt.Errorf("%.200q", line)
		}
	}
	return Reader{numbers[0], numbers[1], fields[2]}, fields[3], nil
}

// beginReading reads a reader's verdict. Without an error its answer follows.
func (s *session) beginReading(line string) error {
	_, at, _ := strings.Cut(s.on.to, "@")
	r, verdict, err := parseReader(line)
	if err != nil {
		return &ReaderError{Said: "it begins with " + err.Error(), Host: hostOnly(at)}
	}
	s.on.reader.Store(&r)
	if verdict == "ok" && r.Protocol == ReaderProtocol {
		return nil
	}
	return &ReaderError{Reader: &r, Other: verdict == "other", Asked: s.read != "", Host: hostOnly(at)}
}

// A ReaderError says that a key may only read, or that what reads there is not what this
// program needs. Nothing was done.
type ReaderError struct {
	Reader *Reader // nil: it did not answer
	Other  bool    // the facts that were asked for are those of another edition
	Asked  bool    // it was asked for something that a reader answers
	Said   string  // what it said instead of answering, escaped
	Host   string  // where it is, for a hint
}

func (e *ReaderError) Error() string {
	if e.Reader == nil {
		return "the key may only read, and what reads there does not answer: " + strings.TrimPrefix(e.Said, readerWord+": ")
	}
	of := fmt.Sprintf("edition %d, of zup %s", e.Reader.Edition, e.Reader.Version)
	switch age := e.age(); {
	case !e.unfit():
		return "this key may only read: the node runs nothing for it but the reader that is installed there (" + of + ")"
	case age < 0:
		return fmt.Sprintf("the reader on this node (%s) is older than this zup needs, which is edition %d", of, ReaderEdition)
	case age > 0:
		return fmt.Sprintf("the reader on this node (%s) is newer than this zup, which knows edition %d", of, ReaderEdition)
	case e.Other:
		return "the reader on this node (" + of + ") has other facts than that edition: somebody has changed it, or one of the two is not a released zup"
	}
	return "the reader on this node (" + of + ") refuses what that edition answers: somebody has changed it"
}

func hintToInstall(host string) string {
	return fmt.Sprintf("install this zup's: zup reader -key FILE.pub | %s", shell.Command("ssh", "root@"+host, "sh"))
}

// HintOfReader says what a key that may only read is for.
const HintOfReader = "plan and status work with it; what changes something needs a key that gets in as root or with sudo -n: user and identity_file in the ssh block, or in ~/.ssh/config"

// unfit reports whether the reader does not do what a reader is for.
func (e *ReaderError) unfit() bool { return e.Other || e.Asked || e.Reader.Protocol != ReaderProtocol }

// age is negative if the reader is older than this program, positive if it is newer.
func (e *ReaderError) age() int {
	return cmp.Or(cmp.Compare(e.Reader.Protocol, ReaderProtocol), cmp.Compare(e.Reader.Edition, ReaderEdition))
}

// Hint says how to go on.
func (e *ReaderError) Hint() string {
	install := hintToInstall(first(e.Host, "NODE"))
	switch {
	case e.Reader != nil && !e.unfit():
		return HintOfReader
	case e.Reader != nil && e.age() > 0:
		return "use the zup that it is of, or a later one; or " + install
	}
	return install
}

// ReadsFacts returns what a reader is asked for facts instead of a Command's script: the
// product, the SHA-256 of the script in hex, and the names, which are the Command's
// arguments. It is for Command.Read.
func ReadsFacts(product, digest string, names []string) string {
	return strings.Join(append([]string{"facts", product, digest}, names...), " ")
}

// LookProgram is the program, in perl, with which a reader says who has the host's lock
// and which jobs run: it only looks.
func LookProgram() string {
	return lookProgram + fmt.Sprintf("stands('%s', '%s');\n", defaultJobDir, defaultLockFile)
}

const (
	defaultJobDir   = "/var/lib/zup/jobs"
	defaultLockFile = "/run/zup.lock"
)

//go:embed look.pl
var lookProgram string
