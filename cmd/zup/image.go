package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/config"
	"zup/plan/disk"
	"zup/providers/ssh"
)

// images reads the images that the clusters' package blocks name. What is wrong
// with one refuses the plan only if a node needs it.
func (p *planning) images(ctx context.Context, dir string, clusters []*config.Cluster) map[string]*plan.Image {
	all := map[string]*plan.Image{}
	read := map[string]*plan.Image{} // one image serves many clusters
	for _, c := range clusters {
		if c.Package == nil {
			continue
		}
		path := p.expand(c.Package.Offline)
		if read[path] == nil {
			read[path] = readImage(ctx, dir, path)
		}
		all[c.Name] = read[path]
	}
	return all
}

// expand puts the home directory in the place of "~/". A path that is relative
// afterwards begins at the configuration's directory, and leads nowhere else.
func (c *cli) expand(path string) string {
	if path == "~" || strings.HasPrefix(path, "~/") {
		return filepath.Join(c.getenv("HOME"), strings.TrimPrefix(path, "~"))
	}
	return filepath.FromSlash(path)
}

func readImage(ctx context.Context, dir, path string) *plan.Image {
	image := &plan.Image{}
	f, err := openImage(dir, path)
	if err != nil {
		image.Err = err
		return image
	}
	defer f.Close()
	h := sha256.New()
	image.Size, err = io.Copy(h, &interruptible{ctx, f})
	if err == nil && image.Size != f.Size() {
		err = errors.New("it became shorter meanwhile")
	}
	if err != nil {
		image.Err = fmt.Errorf("read %s: %w", path, err)
		return image
	}
	image.SHA256 = hex.EncodeToString(h.Sum(nil))
	return image
}

func openImage(dir, path string) (*disk.File, error) {
	if filepath.IsAbs(path) {
		return disk.Open(path)
	}
	d, err := disk.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Open(path)
}

// interruptible ends when the context does: an image can be large.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// Upload implements apply.Uploader.
func (w worker) Upload(ctx context.Context, u apply.Upload) (apply.UploadResult, error) {
	res, err := w.host.Upload(ctx, ssh.Upload{
		From: w.expand(u.From), Dir: w.dir, To: u.To, Part: u.Part, Size: u.Size, SHA256: u.SHA256, Progress: u.Progress,
	})
	return apply.UploadResult(res), err
}
