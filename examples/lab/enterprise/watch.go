//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

const watched = unix.IN_CLOSE_WRITE | unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_TO

// tree is a directory with everything below it, watched through inotify.
type tree struct {
	fd   int
	dirs map[int32]string
}

// watch reports every change of a file below dir, by its path, until the
// program ends. Names that begin with a dot or end with ~ are editors' and
// rsync's temporary files and are not reported.
func watch(dir string) (<-chan string, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	t := tree{fd, map[int32]string{}}
	if err := t.add(dir); err != nil {
		return nil, err
	}
	changes := make(chan string, 64)
	go t.read(changes)
	return changes, nil
}

func (t tree) add(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		wd, err := unix.InotifyAddWatch(t.fd, path, watched)
		if err != nil {
			return fmt.Errorf("watch %s: %w", path, err)
		}
		t.dirs[int32(wd)] = path
		return nil
	})
}

func (t tree) read(changes chan<- string) {
	buf := make([]byte, 64*(unix.SizeofInotifyEvent+unix.NAME_MAX+1))
	for {
		n, err := unix.Read(t.fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		for rest := buf[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			event := (*unix.InotifyEvent)(unsafe.Pointer(&rest[0]))
			name := rest[unix.SizeofInotifyEvent:][:event.Len]
			rest = rest[unix.SizeofInotifyEvent+event.Len:]
			t.report(event, string(bytes.TrimRight(name, "\x00")), changes)
		}
	}
}

func (t tree) report(event *unix.InotifyEvent, name string, changes chan<- string) {
	if name == "" || strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
		return
	}
	path := filepath.Join(t.dirs[event.Wd], name)
	if event.Mask&(unix.IN_CREATE|unix.IN_ISDIR) == unix.IN_CREATE|unix.IN_ISDIR {
		t.add(path)
	}
	changes <- path
}
