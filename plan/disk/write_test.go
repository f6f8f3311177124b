package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// writers are all ways in which this package makes, changes or removes a file.
var writers = map[string]func(path string) error{
	"Replace": func(path string) error { return ReplaceBy(path, 0o600, []byte("new")) },
	"Rewrite": func(path string) error { return Rewrite(path, []byte("new")) },
	"Create": func(path string) error {
		f, err := Create(path, 0o600)
		return wrote(f, err)
	},
	"Edit": func(path string) error {
		f, err := Edit(path, 0o600)
		return wrote(f, err)
	},
	"Edit only": func(path string) error {
		f, err := Edit(path, 0)
		return wrote(f, err)
	},
	"Pipe": func(path string) error {
		f, err := Pipe(path)
		return wrote(f, err)
	},
	"Keep": func(path string) error { return Keep(path, path+".backup") },
	"Check": func(path string) error {
		err := Check(path)
		if err == nil {
			err = errors.New("nothing is in the way")
		}
		return err
	},
	"Lock": func(path string) error {
		lock, err := Lock(path, true)
		if err != nil {
			return err
		}
		defer lock.Unlock()
		if _, err = lock.TryLock(); err != nil {
			return err
		}
		f, err := Held(lock)
		return wrote(f, err)
	},
}

func wrote(f *os.File, err error) error {
	if err != nil {
		return err
	}
	_, err = f.WriteString("new")
	return errors.Join(err, f.Truncate(3), f.Close())
}

// inDirectories are the ways that are about a directory.
var inDirectories = map[string]func(path string) error{
	"MkdirAll": func(path string) error { return MkdirAll(path, 0o700) },
	"CheckDir": CheckDir,
	"OpenPlainDir": func(path string) error {
		d, err := OpenPlainDir(path)
		if err == nil {
			d.Close()
		}
		return err
	},
	"Unnamed": func(path string) error {
		f, err := Unnamed(path)
		return wrote(f, err)
	},
}

// tree describes everything below a directory.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		b.WriteString(path + " " + e.Type().String())
		if target, err := os.Readlink(path); err == nil {
			b.WriteString(" -> " + target)
		}
		if e.Type().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b.WriteString(" " + string(text))
		}
		b.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// victim makes a place that links in the directory "work" beside it lead to.
func victim(t *testing.T) (top, work string) {
	t.Helper()
	top = t.TempDir()
	work = filepath.Join(top, "work")
	write(t, filepath.Join(top, "victim", "authorized_keys"), "ssh-ed25519 AAAAowner")
	write(t, filepath.Join(work, "real", "f"), "old")
	write(t, filepath.Join(work, "file"), "old")
	symlink(t, "../victim/authorized_keys", filepath.Join(work, "link"))
	symlink(t, filepath.Join(top, "victim", "authorized_keys"), filepath.Join(work, "absolute"))
	symlink(t, "link", filepath.Join(work, "twice"))
	symlink(t, "../victim/nothing", filepath.Join(work, "dangling"))
	symlink(t, "itself", filepath.Join(work, "itself"))
	symlink(t, "file", filepath.Join(work, "inside"))
	symlink(t, "../victim", filepath.Join(work, "folder"))
	symlink(t, "../../victim", filepath.Join(work, "real", "folder"))
	symlink(t, "real", filepath.Join(work, "near"))
	return top, work
}

func TestNothingIsWrittenThroughALink(t *testing.T) {
	top, work := victim(t)
	before := tree(t, top)
	for _, from := range []string{work, top} {
		t.Run(filepath.Base(from), func(t *testing.T) {
			t.Chdir(from)
			if from == top {
				Guard(work) // as -chdir does
			}
			for _, name := range []string{
				"link", "absolute", "twice", "dangling", "itself", "inside", "./link", "real/../link",
				"folder/authorized_keys", "folder/new", "real/folder/new", "real/folder/authorized_keys", "near/f", "near/new", "folder/sub/new",
			} {
				for _, path := range []string{filepath.Join(work, name), filepath.Join(strings.TrimPrefix(work, from+"/"), name)} {
					if from == work {
						path = name
					}
					for way, do := range writers {
						var link *LinkError
						if err := do(path); !errors.As(err, &link) || link.Target == "" || link.Path != path {
							t.Errorf("%s %s: %v", way, path, err)
						}
					}
				}
			}
			for _, name := range []string{"folder", "folder/sub", "real/folder", "real/folder/sub/sub", "near", "near/sub", "dangling", "dangling/sub", "link"} {
				for way, do := range inDirectories {
					var link *LinkError
					if err := do(filepath.Join(work, name)); !errors.As(err, &link) {
						t.Errorf("%s %s: %v", way, name, err)
					}
				}
			}
		})
	}
	if after := tree(t, top); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// A link that is removed is all that is removed.
func TestOfALinkTheLinkIsRemoved(t *testing.T) {
	top, work := victim(t)
	t.Chdir(work)
	if err := Remove("link"); err != nil {
		t.Fatal(err)
	}
	if err := Remove("folder/authorized_keys"); err == nil {
		t.Error("removed a file through a link")
	}
	if text, err := os.ReadFile(filepath.Join(top, "victim", "authorized_keys")); err != nil || string(text) != "ssh-ed25519 AAAAowner" {
		t.Errorf("%q, %v", text, err)
	}
}

// Above the guarded directories links are the user's own.
func TestLinksAboveAreTheUsersOwn(t *testing.T) {
	top := t.TempDir()
	write(t, filepath.Join(top, "disk", "work", "a"), "old")
	symlink(t, "disk", filepath.Join(top, "home"))
	write(t, filepath.Join(top, "disk", "other", "a"), "old")
	work := filepath.Join(top, "home", "work")
	t.Chdir(work)
	t.Setenv("PWD", work)
	for _, path := range []string{
		filepath.Join(work, "a"), "a", filepath.Join(top, "home", "other", "a"), "../other/a", filepath.Join(top, "disk", "work", "a"),
	} {
		if err := ReplaceBy(path, 0o600, []byte("new")); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if text, _ := os.ReadFile(path); string(text) != "new" {
			t.Errorf("%s: %q", path, text)
		}
		os.WriteFile(path, []byte("old"), 0o600)
	}
	// But the file itself is never a link.
	symlink(t, "a", filepath.Join(top, "disk", "other", "l"))
	var link *LinkError
	if err := ReplaceBy(filepath.Join(top, "home", "other", "l"), 0o600, nil); !errors.As(err, &link) {
		t.Errorf("a link elsewhere: %v", err)
	}
	if err := MkdirAll(filepath.Join(top, "home", "other", "x", "y"), 0o700); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(top, "disk", "other", "x", "y")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}

// A checkout is guarded as a whole, from wherever in it zup is started.
func TestACheckoutIsGuardedAsAWhole(t *testing.T) {
	top := t.TempDir()
	write(t, filepath.Join(top, "repo", "conf", "a"), "")
	write(t, filepath.Join(top, "repo", ".git", "HEAD"), "")
	write(t, filepath.Join(top, "victim", "k"), "old")
	symlink(t, "../victim", filepath.Join(top, "repo", "plans"))
	t.Chdir(filepath.Join(top, "repo", "conf"))
	var link *LinkError
	err := ReplaceBy("../plans/k", 0o600, []byte("new"))
	if !errors.As(err, &link) || link.Link != "../plans" || !strings.HasSuffix(link.Instead, "/victim/k") {
		t.Fatalf("%v, %+v", err, link)
	}
	if text, _ := os.ReadFile(filepath.Join(top, "victim", "k")); string(text) != "old" {
		t.Errorf("%q", text)
	}
}

func TestALinkIsToldWithWhatToType(t *testing.T) {
	_, work := victim(t)
	t.Chdir(work)
	if err := os.Mkdir("it's here", 0o700); err != nil {
		t.Fatal(err)
	}
	symlink(t, "it's here", "odd")
	for _, c := range []struct{ path, how, text, hint string }{
		{"inside", "-state", "inside is a symbolic link to file, and zup follows no link here", "remove the link, or name what it leads to: -state=file"},
		{"near/f", "-out", "near/f: on the way to it near is a symbolic link to real, and zup follows no link here", "remove the link, or name what it leads to: -out=real/f"},
		{"near/../inside", "", "near/../inside is a symbolic link to file, and zup follows no link here", "remove the link, or name what it leads to: file"},
		{"odd/new", "zup fmt", "odd/new: on the way to it odd is a symbolic link to it's here, and zup follows no link here", `remove the link, or name what it leads to: zup fmt 'it'\''s here/new'`},
	} {
		err := Named(c.how, Check(c.path))
		if c.how == "" {
			err = Check(c.path)
		}
		var link *LinkError
		if !errors.As(err, &link) || err.Error() != c.text || link.Hint() != c.hint {
			t.Errorf("%s: %v; %s", c.path, err, link.Hint())
		}
	}
	for _, path := range []string{"link", "dangling", "folder/new", "twice"} {
		var link *LinkError
		if err := Check(path); !errors.As(err, &link) || !filepath.IsAbs(link.Instead) || !strings.Contains(link.Instead, "/victim/") {
			t.Errorf("%s: %v, %+v", path, err, link)
		}
	}
}

func TestWhatIsNoFileIsNotWrittenTo(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range irregular(t, dir) {
		for way, do := range writers {
			if way == "Pipe" {
				continue
			}
			var kind *KindError
			if err := soon(t, way, func() error { return do(name) }); !errors.As(err, &kind) {
				t.Errorf("%s of a %s: %v", way, name, err)
			}
		}
	}
	for _, path := range []string{"/dev/null", "/dev/zero"} {
		var kind *KindError
		if err := ReplaceBy(path, 0o600, nil); !errors.As(err, &kind) || kind.Mode&fs.ModeDevice == 0 {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"/dev/stdout", "/dev/fd/1", "sub/", "/", "."} {
		if err := Check(path); err == nil {
			t.Errorf("%s can be written", path)
		}
	}
}

func TestAPipeWithoutAReaderIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	irregular(t, dir)
	write(t, "file", "old")
	for _, name := range []string{"fifo", "socket", "directory", "file", "nothing"} {
		if err := soon(t, name, func() error { f, err := Pipe(name); return wrote(f, err) }); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
	reader, err := os.OpenFile("fifo", os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	f, err := Pipe("fifo")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("line"); err != nil {
		t.Error(err)
	}
	f.Close()
	if text, err := io.ReadAll(reader); string(text) != "line" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if f, err := Pipe(os.DevNull); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
}

func TestDescriptorsAreTakenByNumber(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	name := filepath.Join("/dev/fd", strings.TrimSpace(itoa(int(w.Fd()))))
	f, ok, err := Descriptor(name)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	f.WriteString("x")
	f.Close()
	w.Close()
	if text, _ := io.ReadAll(r); string(text) != "x" {
		t.Errorf("%q", text)
	}
	if _, ok, err := Descriptor("/dev/fd/60000"); !ok || err == nil {
		t.Error("a descriptor that is not open was opened")
	}
	for _, path := range []string{"/dev/fd/x", "/dev/fd/../null", "/dev/null", "fd/3", "/proc/1/fd/3", "/dev/fd/"} {
		if _, ok, _ := Descriptor(path); ok {
			t.Errorf("%s is taken for a descriptor", path)
		}
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

func TestReplaceIsWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, "f", "old")
	boom := errors.New("boom")
	err := Replace("f", 0o600, func(w io.Writer) error {
		io.WriteString(w, "half")
		return boom
	})
	if !errors.Is(err, boom) {
		t.Error(err)
	}
	if text, _ := os.ReadFile("f"); string(text) != "old" {
		t.Errorf("%q", text)
	}
	if entries, _ := os.ReadDir("."); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	for _, perm := range []fs.FileMode{0o600, 0o644, 0o640} {
		if err := ReplaceBy("f", perm, []byte("new")); err != nil {
			t.Fatal(err)
		}
		if info, _ := os.Stat("f"); info.Mode().Perm() != perm {
			t.Errorf("mode %v, want %v", info.Mode(), perm)
		}
	}
	os.Chmod("f", 0o751)
	if err := Rewrite("f", []byte("again")); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat("f"); info.Mode().Perm() != 0o751 {
		t.Errorf("mode %v", info.Mode())
	}
	if err := Rewrite("nothing", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for _, path := range []string{"no/where/f", "f/g"} {
		var p *fs.PathError
		if err := ReplaceBy(path, 0o600, nil); !errors.As(err, &p) || p.Path != path {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestCreateTakesNoFileFromAnybody(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "f", "old")
	if _, err := Create("f", 0o600); !errors.Is(err, fs.ErrExist) || err.Error() != "open f: file exists" {
		t.Error(err)
	}
	if _, err := Edit("nothing", 0); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	f, err := Edit("f", 0)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(f); string(text) != "old" {
		t.Errorf("Edit has emptied it: %q", text)
	}
	f.Close()
}

func TestKeepReplacesASecondName(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "f", "1")
	write(t, "f.backup", "0")
	if err := Keep("f", "f.backup"); err != nil {
		t.Fatal(err)
	}
	if err := ReplaceBy("f", 0o600, []byte("2")); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile("f.backup"); string(text) != "1" {
		t.Errorf("%q", text)
	}
	os.Remove("f.backup")
	write(t, "victim", "v")
	symlink(t, "victim", "f.backup")
	var link *LinkError
	if err := Keep("f", "f.backup"); !errors.As(err, &link) {
		t.Error(err)
	}
	// A temporary name that is a link is taken away, and not followed.
	os.Remove("f.backup")
	symlink(t, "victim", "f.backup.new")
	if err := Keep("f", "f.backup"); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile("victim"); string(text) != "v" {
		t.Errorf("victim: %q", text)
	}
}

func TestALockIsThatOfItsFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if lock, err := Lock("l", false); err != nil {
		t.Fatal(err)
	} else if _, err := lock.TryLock(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	lock, err := Lock("l", true)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := lock.TryLock(); !got || err != nil {
		t.Fatal(got, err)
	}
	defer lock.Unlock()
	if info, _ := os.Stat("l"); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	f, err := Held(lock)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	other, err := Lock("l", false)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := other.TryLock(); got || err != nil {
		t.Errorf("taken twice: %v", err)
	}
	// Exchanged for a link, or for another file, after it was taken or before.
	write(t, "victim", "v")
	os.Remove("l")
	symlink(t, "victim", "l")
	if _, err := Held(lock); err == nil {
		t.Error("the lock of a link counts")
	}
	if got, err := other.TryLock(); got || err == nil {
		t.Error("a lock was taken through a link")
	}
	os.Remove("l")
	write(t, "l", "")
	if _, err := Held(lock); !errors.Is(err, errReplaced) {
		t.Errorf("the lock of another file counts: %v", err)
	}
	if text, _ := os.ReadFile("victim"); string(text) != "v" {
		t.Errorf("victim: %q", text)
	}
}

// However fast a directory is exchanged for a link, nothing is written beyond it.
func TestADirectoryThatIsExchangedIsNotEntered(t *testing.T) {
	top := t.TempDir()
	victim, work := filepath.Join(top, "victim"), filepath.Join(top, "work")
	write(t, filepath.Join(victim, "f"), "v")
	write(t, filepath.Join(work, "real", "f"), "old")
	symlink(t, "../victim", filepath.Join(work, "link"))
	t.Chdir(work)
	if err := os.Rename("real", "plans"); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			os.Rename("plans", "away")
			os.Rename("link", "plans")
			os.Rename("plans", "link")
			os.Rename("away", "plans")
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	written, refused := 0, 0
	deadline := time.Now().Add(20 * time.Second)
	for i := 0; i < 1500 || (written == 0 || refused == 0) && time.Now().Before(deadline); i++ {
		for way, path := range map[string]string{"Replace": "plans/f", "Edit": "plans/f", "Create": "plans/new" + itoa(i)} {
			if err := writers[way](path); err == nil {
				written++
			} else {
				refused++
			}
		}
	}
	close(stop)
	<-done
	if written == 0 || refused == 0 {
		t.Errorf("written %d, refused %d: nothing was exchanged", written, refused)
	}
	if got := tree(t, victim); !strings.Contains(got, "f ---------- v\n") || strings.Count(got, "\n") != 2 {
		t.Errorf("in the victim:\n%s", got)
	}
}

func TestUnnamedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	f, err := Unnamed(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("x"); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("%v", entries)
	}
}
