//go:build linux

package world

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// cache is the one directory that the lab leaves on the machine: packed root
// file systems, named for a digest of everything that went into them, and the
// built enterprise.bin.
type cache struct {
	dir  string
	lock *os.File
}

// Packed root file systems are kept for so long after their last start, and not
// more than so many of them, at about 50 MB each.
const (
	unusedFor = 7 * 24 * time.Hour
	atMost    = 20
)

// openCache waits until no other process builds, and holds the lock until
// close. The kernel gives the lock back when the holder dies.
func openCache(ctx context.Context) (*cache, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		base = "/var/cache"
	}
	c := &cache{dir: filepath.Join(base, "zup-lab")}
	if err := os.MkdirAll(filepath.Join(c.dir, "mnt"), 0o755); err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	c.lock, err = os.OpenFile(filepath.Join(c.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock cache: %w", err)
	}
	for {
		err := unix.Flock(int(c.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return c, nil
		}
		if err != unix.EWOULDBLOCK {
			return nil, fmt.Errorf("lock cache %s: %w", c.dir, err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock cache %s: another lab builds: %w", c.dir, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *cache) close() { c.lock.Close() }

// mountPoint is an empty directory on which a namespace of the lab mounts its
// own root; on the machine itself it stays empty.
func (c *cache) mountPoint() string { return filepath.Join(c.dir, "mnt") }

func (c *cache) path(name string) string { return filepath.Join(c.dir, name) }

// get returns the path of what is kept under the name, and builds it where it
// is not there. It appears under its name when it is complete, or not at all:
// until then it has no name, and a build that is killed leaves nothing.
func (c *cache) get(name string, build func(out *os.File) error) (string, error) {
	path := c.path(name)
	now := time.Now()
	if os.Chtimes(path, now, now) == nil {
		return path, nil
	}
	fd, err := unix.Open(c.dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return "", fmt.Errorf("create file in cache %s: %w", c.dir, err)
	}
	out := os.NewFile(uintptr(fd), path)
	defer out.Close()
	if err := build(out); err != nil {
		return "", err
	}
	from := fmt.Sprintf("/proc/self/fd/%d", fd)
	if err := unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW); err != nil {
		return "", fmt.Errorf("keep %s: %w", path, err)
	}
	c.prune()
	return path, nil
}

// prune removes what was not started for long, and more than a few in any case:
// every change of the product's scripts makes a new file.
func (c *cache) prune() {
	packed, _ := filepath.Glob(c.path("*.tar.zst"))
	age := func(path string) time.Duration {
		info, err := os.Stat(path)
		if err != nil {
			return unusedFor
		}
		return time.Since(info.ModTime())
	}
	slices.SortFunc(packed, func(a, b string) int { return cmp.Compare(age(a), age(b)) })
	for i, path := range packed {
		if i >= atMost || age(path) > unusedFor {
			os.Remove(path)
		}
	}
}

// digest is a short name for its inputs.
func digest(inputs ...any) string {
	sum := sha256.New()
	for _, input := range inputs {
		fmt.Fprintf(sum, "%q\x00", fmt.Sprint(input))
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8])
}
