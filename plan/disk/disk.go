// Package disk is the door between zup and the files of the machine on which it
// runs: every file that zup reads or writes here goes through it (git's own are read by
// plan/checkout, which trusts less), and a test keeps it so.
//
// What is read is a regular file. That is looked at again on the descriptor that was
// opened, which waits for nobody, so that no FIFO, device or socket can keep zup
// waiting; and it ends: at a limit in bytes for what is kept in memory, at the size
// that it had when it was opened for what is streamed. Start with ReadFile and Open
// for a file that somebody has named on purpose, and with OpenDir for a directory
// whose content nobody has looked at: through a Dir no link leads out of it.
//
// What is written is written through no symbolic link: not where the file itself
// would be one, and not where one stands on the way to it below a directory that
// others can put links into. Start with Replace, Create, Edit and MkdirAll, and with
// Check where it has to be known beforehand. What stands above such a directory is
// the user's own, and links are followed there.
//
// A path is tidied up before it is followed, in reading and in writing: "link/.." is
// the directory that the link stands in.
//
// Those directories are the one that zup was started in, the checkout around it, and
// whatever Guard was told of: cmd/zup tells it of the configuration's directory.
package disk

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Limits of what is read into memory, in bytes. docs/language.md, docs/state.md and
// docs/plan-format.md tell them.
const (
	MaxText       = 4 << 20   // a file of the configuration, a variable file, signers, revoked keys
	MaxKey        = 1 << 20   // a private key, a public key, a certificate
	MaxSettings   = 4 << 20   // ssh_config
	MaxKnownHosts = 64 << 20  // known_hosts
	MaxSignature  = 64 << 10  // one of an RSA key has less than 4 KiB
	MaxState      = 256 << 20 // a state file
	MaxRecord     = 1 << 30   // a file of a run that is read as a whole
)

// Errors that say what is wrong with a name or with what has it. They stand in a
// *fs.PathError, which has the path.
var (
	ErrOutside   = errors.New("leads outside the directory that it belongs to")
	ErrDirectory = errors.New("is a directory")
	ErrIrregular = errors.New("is not a regular file")
	errReplaced  = errors.New("was replaced while it was being opened")
)

// SizeError says that a file is larger than what is read of its kind.
type SizeError struct {
	Limit int64 // bytes
	Size  int64 // bytes; 0: not known, but more than Limit
}

func (e *SizeError) Error() string {
	if e.Size <= e.Limit+e.Limit/4 || e.Limit < 1<<20 {
		return "is larger than " + sizeText(e.Limit)
	}
	return fmt.Sprintf("is %.1f MB; the limit is %s", float64(e.Size)/(1<<20), sizeText(e.Limit))
}

func sizeText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%d GB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d KB", n>>10)
}

// KindError says that zup would have to write to what is not a regular file.
type KindError struct {
	Path   string
	Mode   fs.FileMode
	Advice string // in the place of the hint; see Own
}

func (e *KindError) Error() string {
	return fmt.Sprintf("%s is %s, not a regular file", e.Path, kindOf(e.Mode))
}

// Hint says what to do about it.
func (e *KindError) Hint() string {
	return cmp.Or(e.Advice, "give the name of a file that is not there")
}

// IsPipe reports whether it is a pipe or a device, which Pipe opens.
func (e *KindError) IsPipe() bool {
	return e.Mode&(fs.ModeNamedPipe|fs.ModeDevice|fs.ModeCharDevice) != 0
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "not a regular file"
}

// File is a regular file that is open for reading. It ends where it ended when it
// was opened: what grows meanwhile does not keep its reader busy.
type File struct {
	f    *os.File
	size int64
	left int64
}

// Stat says what is at path, links followed: to tell a file from a directory, and
// neither from what Open will find there.
func Stat(path string) (fs.FileInfo, error) { return os.Stat(filepath.Clean(path)) }

// Open opens the regular file at path. It follows links and waits for nobody. The
// file /dev/null is empty.
func Open(path string) (*File, error) {
	path = filepath.Clean(path)
	if path != os.DevNull {
		if info, err := os.Stat(path); err != nil {
			return nil, at(path, err)
		} else if err := readable(info, path); err != nil { // a device can take being opened for an order
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_RDONLY|waitsForNobody, 0)
	if err != nil {
		return nil, err
	}
	return opened(f, path)
}

// opened looks at what was opened; it closes what is not to be read.
func opened(f *os.File, path string) (*File, error) {
	info, err := f.Stat()
	if err == nil && path != os.DevNull {
		err = readable(info, path)
	}
	if err != nil {
		f.Close()
		return nil, at(path, err)
	}
	return &File{f: f, size: info.Size(), left: info.Size()}, nil
}

func readable(info fs.FileInfo, path string) error {
	switch {
	case info.IsDir():
		return refused(path, ErrDirectory)
	case !info.Mode().IsRegular():
		return refused(path, ErrIrregular)
	}
	return nil
}

func refused(path string, why error) error { return &fs.PathError{Op: "open", Path: path, Err: why} }

// at makes an error of the file system one about the path that people know, whichever
// of the calls behind it has failed.
func at(path string, err error) error {
	var p *fs.PathError
	if !errors.As(err, &p) {
		return err
	}
	cause := p.Err
	if strings.Contains(cause.Error(), "escapes") { // os.Root has no exported error for it
		cause = ErrOutside
	}
	op := "open"
	if known, ok := ops[p.Op]; ok {
		op = known
	}
	return &fs.PathError{Op: op, Path: path, Err: cause}
}

// ops are the calls that keep a name of their own in messages.
var ops = map[string]string{"read": "read", "write": "write", "mkdir": "mkdir", "mkdirat": "mkdir", "unlinkat": "remove"}

// Size is how many bytes the file had when it was opened. Files that a kernel makes
// up while they are read say 0.
func (f *File) Size() int64 { return f.size }

// Stat says what is open.
func (f *File) Stat() (fs.FileInfo, error) { return f.f.Stat() }

// Read implements io.Reader, up to Size.
func (f *File) Read(p []byte) (int, error) {
	if f.left <= 0 {
		return 0, io.EOF
	}
	n, err := f.f.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	return n, err
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) { return f.f.ReadAt(p, off) }

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }

// all reads the file as a whole, also what a kernel makes up. A file with more bytes
// than limit is a *SizeError.
func (f *File) all(limit int64) ([]byte, error) {
	if f.size > limit {
		return nil, &SizeError{limit, f.size}
	}
	data := make([]byte, 0, f.size+512)
	for {
		n, err := f.f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
			return nil, &SizeError{Limit: limit}
		case err == io.EOF:
			return data, nil
		case err != nil:
			return nil, err
		case len(data) == cap(data):
			data = append(data, 0)[:len(data)]
		}
	}
}

// ReadFile reads the regular file at path, which is at most limit bytes long. It
// follows links and waits for nobody.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	return f.All(path, limit)
}

// All reads the file as a whole and closes it. A file with more bytes than limit is a
// *SizeError; errors name it by path.
func (f *File) All(path string, limit int64) ([]byte, error) {
	defer f.Close()
	data, err := f.all(limit)
	var size *SizeError
	if errors.As(err, &size) {
		return nil, &fs.PathError{Op: "read", Path: path, Err: size}
	}
	return data, at(path, err)
}
