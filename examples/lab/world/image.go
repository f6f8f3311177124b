//go:build linux

package world

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Image makes an offline update package of a version: the repository that the
// vendor's would be, as files in a file system that a node mounts. That file
// system is ext4 and not ISO 9660, because not every kernel has the latter; the
// updater mounts whatever is in a file called *.iso. Padding is so many bytes
// that nobody can compress, to make it as large as a test wants it.
func (w *World) Image(ctx context.Context, version string, padding int) ([]byte, error) {
	dir, err := os.MkdirTemp("", "zup-lab-image-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	root, image := filepath.Join(dir, "root"), filepath.Join(dir, "image")
	if err := os.Mkdir(root, 0o755); err != nil {
		return nil, err
	}
	size := 8<<20 + padding + padding/10 // with room for what the file system itself needs
	files := map[string]file{}
	for name, data := range repositoryFiles(w.whose.packages(version, w.enterprise), w.whose.codename) {
		files["/"+name] = file{Mode: 0o644, Data: data}
		size += len(data) + 8<<10
	}
	if padding > 0 {
		data := make([]byte, padding)
		rand.Read(data)
		files["/padding"] = file{Mode: 0o644, Data: data}
	}
	if err := writeFiles(root, files); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", root, image, fmt.Sprintf("%dk", size>>10))
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make an image: %w: %s", err, out)
	}
	return os.ReadFile(image)
}

// LacksLoop says in words what keeps nodes from mounting images here; "" is
// nothing.
func LacksLoop() string {
	for _, name := range []string{"/sys/class/misc/loop-control", "/sys/fs/ext4"} {
		if _, err := os.Stat(name); err != nil {
			return "loop devices and ext4 in the kernel: " + err.Error()
		}
	}
	return ""
}
