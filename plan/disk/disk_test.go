package disk

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// within fails a test whose function takes longer than anything that waits for nobody.
func soon(t *testing.T, what string, do func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-time.After(5 * time.Second):
		t.Fatalf("%s: still waiting after 5 s", what)
		return nil
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// irregular fills a directory with what is not a file, each under its name.
func irregular(t *testing.T, dir string) []string {
	t.Helper()
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := os.Mkdir(filepath.Join(dir, "directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	return []string{"fifo", "socket", "directory"}
}

func TestWhatIsNoFileIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	names := irregular(t, dir)
	t.Chdir(dir)
	d, err := OpenDir(".")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ways := map[string]func(string) error{
		"ReadFile":  func(name string) error { _, err := ReadFile(name, MaxText); return err },
		"ReadHere":  func(name string) error { _, err := ReadHere(name, MaxText); return err },
		"Dir.Read":  func(name string) error { _, err := d.Read(name, MaxText); return err },
		"ReadPlain": func(name string) error { _, err := d.ReadPlain(name, MaxText); return err },
	}
	for way, read := range ways {
		for _, name := range names {
			err := soon(t, way+" "+name, func() error { return read(name) })
			if want := ErrIrregular; name == "directory" {
				want = ErrDirectory
				if !errors.Is(err, want) {
					t.Errorf("%s of a %s: %v", way, name, err)
				}
			} else if !errors.Is(err, want) {
				t.Errorf("%s of a %s: %v", way, name, err)
			}
		}
	}
	for _, path := range []string{"/dev/zero", "/dev/tty", "/dev/stdin"} {
		if path == "/dev/stdin" {
			if info, err := os.Stat(path); err != nil || info.Mode().IsRegular() || info.Mode()&fs.ModeCharDevice != 0 {
				continue // as the test was started
			}
		}
		if err := soon(t, path, func() error { _, err := ReadFile(path, MaxText); return err }); !errors.Is(err, ErrIrregular) {
			t.Errorf("ReadFile %s: %v", path, err)
		}
	}
	for _, name := range names {
		if err := soon(t, "OpenDir "+name, func() error { _, err := OpenDir(name); return err }); name != "directory" && !errors.Is(err, ErrIrregular) {
			t.Errorf("OpenDir of a %s: %v", name, err)
		}
	}
	if data, err := ReadFile(os.DevNull, 0); err != nil || len(data) != 0 {
		t.Errorf("%s: %q, %v", os.DevNull, data, err)
	}
}

func TestReadingEnds(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	write(t, path, strings.Repeat("x", 100))
	for limit, fits := range map[int64]bool{99: false, 100: true, 101: true, 0: false} {
		data, err := ReadFile(path, limit)
		var size *SizeError
		if fits && (err != nil || len(data) != 100) || !fits && (!errors.As(err, &size) || data != nil) {
			t.Errorf("limit %d: %d bytes, %v", limit, len(data), err)
		}
	}
	// What a kernel makes up says that it is empty, and may have no end.
	if data, err := ReadFile("/proc/self/status", MaxKey); err != nil || len(data) == 0 {
		t.Errorf("/proc/self/status: %d bytes, %v", len(data), err)
	}
	var size *SizeError
	if _, err := ReadFile("/proc/self/pagemap", MaxKey); !errors.As(err, &size) {
		t.Errorf("/proc/self/pagemap: %v", err)
	}
	// A stream ends where the file ended, whoever appends to it.
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	grow, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer grow.Close()
	n, err := io.Copy(growing{grow}, f)
	if err != nil || n != 100 {
		t.Errorf("streamed %d bytes, %v", n, err)
	}
	if f, err := Open("/proc/self/pagemap"); err != nil {
		t.Error(err)
	} else if data, err := io.ReadAll(f); len(data) > 0 || err != nil {
		t.Errorf("streamed %d bytes of /proc/self/pagemap, %v", len(data), err)
	}
}

// growing appends whatever it is handed to a file twice.
type growing struct{ *os.File }

func (g growing) Write(b []byte) (int, error) {
	g.File.Write(b)
	return g.File.Write(b)
}

func TestSizesAreToldInWords(t *testing.T) {
	for want, e := range map[string]SizeError{
		"is larger than 64 KB":          {MaxSignature, 70 << 20},
		"is larger than 4 MB":           {MaxText, 4<<20 + 1},
		"is 19.1 MB; the limit is 4 MB": {MaxText, 20000000},
		"is larger than 1 GB":           {MaxRecord, 0},
	} {
		if got := e.Error(); got != want {
			t.Errorf("%+v: %q, want %q", e, got, want)
		}
	}
}

func TestNothingLeadsOutOfADirectory(t *testing.T) {
	top := t.TempDir()
	write(t, filepath.Join(top, "secret", "key"), "hunter2")
	write(t, filepath.Join(top, "c", "a"), "fine")
	write(t, filepath.Join(top, "c", "sub", "b"), "fine")
	c := filepath.Join(top, "c")
	symlink(t, "../secret/key", filepath.Join(c, "link"))
	symlink(t, filepath.Join(top, "secret", "key"), filepath.Join(c, "absolute"))
	symlink(t, "../secret", filepath.Join(c, "folder"))
	symlink(t, "link", filepath.Join(c, "twice"))
	symlink(t, filepath.Join(c, "a"), filepath.Join(c, "round")) // absolute, although it ends inside
	symlink(t, "sub/b", filepath.Join(c, "inside"))
	symlink(t, "/proc/self/environ", filepath.Join(c, "environ"))
	d, err := OpenDir(c)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, name := range []string{
		"../secret/key", "link", "absolute", "folder/key", "twice", "round", "environ", "sub/../../secret/key",
		filepath.Join(top, "secret", "key"), "/etc/passwd", "folder/../secret/key", "..", "sub/../..",
	} {
		if data, err := d.Read(name, MaxText); !errors.Is(err, ErrOutside) || data != nil {
			// A path is tidied up before it is followed: "folder/.." is nowhere else.
			if name == "folder/../secret/key" && errors.Is(err, fs.ErrNotExist) {
				continue
			}
			t.Errorf("%s: %q, %v", name, data, err)
		}
		if _, err := d.OpenPlain(name); err == nil {
			t.Errorf("OpenPlain %s: no error", name)
		}
	}
	for _, name := range []string{"a", "./a", "sub/b", "inside", "sub/../a", filepath.Join(c, "a")} {
		if data, err := d.Read(name, MaxText); string(data) != "fine" || err != nil {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	var link *LinkError
	if _, err := d.ReadPlain("inside", MaxText); !errors.As(err, &link) || link.Target != "sub/b" {
		t.Errorf("inside, plainly: %v", err)
	}
	if names, err := d.Names(); err != nil || strings.Join(names, " ") != "a absolute environ folder inside link round sub twice" {
		t.Errorf("names: %q, %v", names, err)
	}
}

// What a command line names is read through the innermost guarded directory that it
// lies in, and as it is elsewhere.
func TestNamedFilesStayInGuardedDirectories(t *testing.T) {
	top := t.TempDir()
	write(t, filepath.Join(top, "secret", "key"), "hunter2")
	write(t, filepath.Join(top, "work", "c", "a"), "fine")
	work := filepath.Join(top, "work")
	symlink(t, "../secret/key", filepath.Join(work, "out"))
	symlink(t, "../../secret/key", filepath.Join(work, "c", "out"))
	symlink(t, "../a", filepath.Join(work, "c", "up"))
	symlink(t, "../secret", filepath.Join(work, "folder"))
	symlink(t, "work", filepath.Join(top, "above"))
	symlink(t, "secret/key", filepath.Join(top, "elsewhere"))
	write(t, filepath.Join(work, "a"), "outer")
	t.Chdir(work)
	Guard("c")
	for name, want := range map[string]string{
		"a": "outer", "c/a": "fine", "../elsewhere": "hunter2", "../secret/key": "hunter2", "../above/c/a": "fine",
		filepath.Join(top, "above", "a"): "outer",
		"out":                            "", "c/out": "", "folder/key": "", "../above/out": "", filepath.Join(work, "out"): "",
		"c/up": "", // the configuration's directory ends before the current one does
	} {
		data, err := ReadHere(name, MaxText)
		if string(data) != want || (want == "") != errors.Is(err, ErrOutside) {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	if _, err := ReadHere("nothing", MaxText); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	if _, err := ReadHere("no/where/nothing", MaxText); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no/where/nothing: %v", err)
	}
}

func TestAFileThatIsExchangedIsNotRead(t *testing.T) {
	top := t.TempDir()
	write(t, filepath.Join(top, "secret"), "hunter2")
	c := filepath.Join(top, "c")
	write(t, filepath.Join(c, "a"), "fine")
	d, err := OpenDir(c)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	quit := exchange(t, filepath.Join(c, "a"), "fine", "../secret")
	defer quit()
	seen := map[string]int{}
	for deadline := time.Now().Add(20 * time.Second); (seen["fine"] < 100 || seen["refused"] < 100) && time.Now().Before(deadline); {
		for _, read := range []func(string, int64) ([]byte, error){d.Read, d.ReadPlain} {
			data, err := read("a", MaxText)
			if bytes.Contains(data, []byte("hunter2")) {
				t.Fatal("read the secret")
			}
			seen[string(data)]++
			if err != nil {
				seen["refused"]++
			}
		}
	}
	if seen["fine"] == 0 || seen["refused"] == 0 {
		t.Errorf("nothing was exchanged: %v", seen)
	}
}

// exchange puts a file and a link in turns under one name until quit is called.
func exchange(t *testing.T, path, text, target string) (quit func()) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			os.WriteFile(path+".f", []byte(text), 0o600)
			os.Rename(path+".f", path)
			os.Symlink(target, path+".l")
			os.Rename(path+".l", path)
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	return func() { close(stop); <-done }
}
