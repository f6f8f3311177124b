package main

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// What a configuration that nobody has read may take of the machine that reads it. The
// machine may have other things to do, so that the clock says little.
const (
	endlessMemory = 500 << 20 // bytes, resident at most
	endlessTime   = 5 * time.Second
	endlessWait   = 2 * time.Minute
)

// TestNoConfigurationIsEndless runs zup, as a process, on every configuration of
// testdata/endless, each of which took all memory or did not end, or is of the same
// kind. The comment of an archive says what it is; its directives are:
//
//	> repeat FILE "BEGINNING" COUNT "TEXT" "END"   a file that is too long for an archive
//	> collide FILE COUNT                           texts that have the same CRC-32, with commas between
//	> mkdir PATH
//	> run COMMAND ARGUMENTS                        instead of validate
//	> var NAME=VALUE                               behind -var
//	> exits STATUS                                 instead of 1
//	> says TEXT                                    what the error is called
//	> at FILE                                      where it is
func TestNoConfigurationIsEndless(t *testing.T) {
	archives, err := filepath.Glob("testdata/endless/*.txtar")
	if err != nil || len(archives) < 40 {
		t.Fatalf("%d archives, %v", len(archives), err)
	}
	zup := filepath.Join(t.TempDir(), "zup")
	if out, err := exec.Command("go", "build", "-o", zup, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			newEndless(t, archive).run(t, zup)
		})
	}
}

// endless is one of these configurations.
type endless struct {
	dir      string
	args     []string
	exit     int
	says, at string
}

func newEndless(t *testing.T, archive *txtar.Archive) *endless {
	h := &endless{dir: t.TempDir(), args: []string{"validate"}, exit: 1}
	for _, f := range archive.Files {
		h.write(t, f.Name, f.Data)
	}
	for line := range strings.Lines(string(archive.Comment)) {
		line, directive := strings.CutPrefix(strings.TrimSpace(line), "> ")
		if !directive {
			continue
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "says":
			h.says = rest
		case "at":
			h.at = rest
		case "run":
			h.args = strings.Fields(rest)
		case "var":
			h.args = append(h.args, "-var", rest)
		case "exits":
			h.exit, _ = strconv.Atoi(rest)
		case "mkdir":
			if err := os.MkdirAll(filepath.Join(h.dir, rest), 0o700); err != nil {
				t.Fatal(err)
			}
		case "repeat":
			h.repeat(t, rest)
		case "collide":
			file, count, _ := strings.Cut(rest, " ")
			n, _ := strconv.Atoi(count)
			h.write(t, file, []byte(strings.Join(colliding(n), ",")))
		default:
			t.Fatalf("unknown directive %q", verb)
		}
	}
	return h
}

func (h *endless) write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (h *endless) repeat(t *testing.T, args string) {
	t.Helper()
	name, rest, _ := strings.Cut(args, " ")
	next := func() string {
		text, err := strconv.QuotedPrefix(rest)
		if err != nil {
			t.Fatalf("repeat %s: %v", args, err)
		}
		rest = strings.TrimPrefix(rest[len(text):], " ")
		text, _ = strconv.Unquote(text)
		return text
	}
	begin := next()
	count, rest2, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(count)
	if err != nil {
		t.Fatal(err)
	}
	rest = rest2
	text := next()
	end := next()
	repeated := strings.Repeat(text, n)
	if strings.Contains(text, "{n}") { // the number of each
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(text, "{n}", strconv.Itoa(i)))
		}
		repeated = b.String()
	}
	h.write(t, name, []byte(begin+repeated+end))
}

// colliding returns texts whose CRC-32 in quotation marks is the same. The last four
// bytes of each are computed from the others.
func colliding(n int) []string {
	const wanted = 0x12345678
	var byTop [256]byte
	for i, v := range crc32.IEEETable {
		byTop[v>>24] = byte(i)
	}
	back := func(crc uint32, b byte) uint32 { // as it was before b
		i := byTop[crc>>24]
		return (crc^crc32.IEEETable[i])<<8 | uint32(i^b)
	}
	var all []string
	for i := 0; len(all) < n; i++ {
		begin := fmt.Sprintf("\"k%07d", i)
		is := crc32.ChecksumIEEE([]byte(begin)) ^ 0xffffffff
		crc := back(wanted^0xffffffff, '"')
		var indexes [4]byte
		for j := range 4 {
			indexes[3-j] = byTop[crc>>24]
			crc = (crc ^ crc32.IEEETable[indexes[3-j]]) << 8
		}
		end := make([]byte, 0, 4)
		for _, index := range indexes {
			b := byte(is) ^ index
			end = append(end, b)
			is = crc32.IEEETable[index] ^ is>>8
		}
		if bytes.ContainsFunc(end, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\$%,`, r) }) {
			continue
		}
		all = append(all, begin[1:]+string(end))
	}
	return all
}

func (h *endless) run(t *testing.T, zup string) {
	var out, errs bytes.Buffer
	cmd := exec.Command(zup, h.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = h.dir, &out, &errs
	cmd.Env = []string{"HOME=" + h.dir, "PATH=" + os.Getenv("PATH")}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tooLate := time.AfterFunc(endlessWait, func() { cmd.Process.Kill() })
	cmd.Wait() //nolint:errcheck // its status is looked at below
	tooLate.Stop()
	used := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	spent, memory := cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), used.Maxrss<<10
	t.Logf("%s of processors, %d MB", spent.Round(time.Millisecond), memory>>20)
	if spent > endlessTime {
		t.Errorf("it took %s of processors", spent)
	}
	if memory > endlessMemory {
		t.Errorf("it took %d MB", memory>>20)
	}
	said := errs.String()
	if got := cmd.ProcessState.ExitCode(); got != h.exit {
		t.Fatalf("it ended with %d, not %d:\n%.2000s", got, h.exit, said)
	}
	if h.exit == 0 {
		return
	}
	if said == "zup: error: read configuration: "+h.says+"\n" { // it is not even read
		return
	}
	if !strings.Contains(said, "Error: "+h.says) {
		t.Errorf("it says nothing of %q:\n%.2000s", h.says, said)
	}
	place := regexp.MustCompile(`(?m)^Error: ` + regexp.QuoteMeta(h.says) + `\n\n  on ` + regexp.QuoteMeta(h.at) + ` line \d+.*:\n +\d+: .*\n +\^+\n`)
	if h.at != "" && !place.MatchString(said) {
		t.Errorf("it does not show the place in %s:\n%.2000s", h.at, said)
	}
	if len(said)+out.Len() > 32<<20 {
		t.Errorf("it said %d bytes", len(said)+out.Len())
	}
}
