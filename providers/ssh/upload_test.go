package ssh

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ways are the two ways over which a file goes, each to a real sshd that has
// nothing else.
var ways = []struct{ name, option string }{
	{"sftp", "Subsystem sftp internal-sftp"},
	{"a plain session", "PrintMotd no"},
}

// uploadTo starts an sshd with one option and returns a host and a file to send.
func uploadTo(t *testing.T, option string, size int64) (*openSSH, *Host, Upload, []byte) {
	t.Helper()
	s := startSSHD(t, option)
	h := sshdHost(t, s)
	data := make([]byte, size)
	rand.New(rand.NewSource(size)).Read(data)
	dir := t.TempDir()
	from := filepath.Join(dir, "here.iso")
	if err := os.WriteFile(from, data, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return s, h, Upload{
		From: from, To: filepath.Join(dir, "it's there.iso"), Part: filepath.Join(dir, "it's there.iso.part"),
		Size: size, SHA256: hex.EncodeToString(sum[:]), block: 1 << 20,
	}, data
}

func arrived(t *testing.T, u Upload, data []byte) {
	t.Helper()
	got, err := os.ReadFile(u.To)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes arrived, want %d (%v)", len(got), len(data), err)
	}
	if info, err := os.Stat(u.To); err == nil && info.Mode() != 0o644 {
		t.Errorf("mode %v", info.Mode())
	}
	if _, err := os.Stat(u.Part); !os.IsNotExist(err) {
		t.Errorf("the part is still there (%v)", err)
	}
}

// A file arrives whole, progress ends at its size, and it is not sent twice.
func TestUpload(t *testing.T) {
	for _, way := range ways {
		for _, size := range []int64{1, 1 << 20, 5<<20 + 3} {
			t.Run(fmt.Sprintf("%s %d", way.name, size), func(t *testing.T) {
				t.Parallel()
				_, h, u, data := uploadTo(t, way.option, size)
				last := int64(-1)
				u.Progress = func(n int64) {
					if n < last || n > size {
						t.Errorf("progress goes from %d to %d of %d", last, n, size)
					}
					last = n
				}
				res, err := h.Upload(short(t), u)
				if err != nil {
					t.Fatal(err)
				}
				if res.Over != way.name || res.Sent != size || res.Resumed != 0 || res.There || last != size {
					t.Errorf("%+v, progress %d", res, last)
				}
				arrived(t, u, data)
				res, err = h.Upload(short(t), u)
				if err != nil || !res.There || res.Sent != 0 {
					t.Errorf("again: %+v, %v", res, err)
				}
			})
		}
	}
}

// What an earlier attempt left is used as far as it is right: its end may be
// missing, it may be damaged or have a hole in the middle, or be too long.
func TestUploadResumes(t *testing.T) {
	const size, block = 5<<20 + 7, 1 << 20
	damage := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 1
		return b
	}
	for _, way := range ways {
		for _, tt := range []struct {
			name    string
			left    func(data []byte) []byte
			resumed int64
		}{
			{"nothing", func([]byte) []byte { return nil }, 0},
			{"less than a block", func(d []byte) []byte { return d[:1000] }, 1000},
			{"some blocks", func(d []byte) []byte { return d[:3*block] }, 3 * block},
			{"some blocks and more", func(d []byte) []byte { return d[:3*block+17] }, 3*block + 17},
			{"all of it", func(d []byte) []byte { return d }, size},
			{"damaged at the end", func(d []byte) []byte { return damage(d[:3*block+17], 3*block+1) }, 3 * block},
			{"damaged in the middle", func(d []byte) []byte { return damage(d[:3*block+17], block+5) }, block},
			{"another file", func(d []byte) []byte { return make([]byte, 2*block) }, 0},
			{"too long", func(d []byte) []byte { return append(bytes.Clone(d), "more"...) }, 5 * block},
			{"a hole", func(d []byte) []byte {
				d = bytes.Clone(d[:4*block])
				clear(d[2*block+100 : 2*block+200])
				return d
			}, 2 * block},
		} {
			t.Run(way.name+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				_, h, u, data := uploadTo(t, way.option, size)
				left := tt.left(data)
				if left != nil {
					if err := os.WriteFile(u.Part, left, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				res, err := h.Upload(short(t), u)
				if err != nil {
					t.Fatal(err)
				}
				if res.Resumed != tt.resumed || res.Sent != size-tt.resumed || res.Dropped != int64(len(left))-tt.resumed {
					t.Errorf("%+v, want %d resumed", res, tt.resumed)
				}
				arrived(t, u, data)
			})
		}
	}
}

// A connection that breaks in the middle is made again, and the file goes on
// where it was.
func TestUploadSurvivesLostConnections(t *testing.T) {
	const size = 16 << 20
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			s, h, u, data := uploadTo(t, way.option, size)
			cuts := 0
			u.pace = 4 * time.Millisecond
			u.Progress = func(n int64) {
				if cuts == 0 && n > size/8 || cuts == 1 && n > size/2 {
					cuts++
					for _, pid := range s.children(t) {
						syscall.Kill(pid, syscall.SIGKILL)
					}
				}
			}
			res, err := h.Upload(short(t), u)
			if err != nil {
				t.Fatal(err)
			}
			if cuts == 0 || res.Attempts <= 1 {
				t.Fatalf("it was not cut: %+v, %d cuts", res, cuts)
			}
			if res.Sent >= 2*size {
				t.Errorf("everything was sent again: %+v", res)
			}
			t.Logf("%d cuts: %+v", cuts, res)
			arrived(t, u, data)
		})
	}
}

// When the caller gives up, what has arrived stays, and the next one goes on.
func TestUploadStops(t *testing.T) {
	const size = 16 << 20
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			_, h, u, data := uploadTo(t, way.option, size)
			u.pace = 4 * time.Millisecond
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			u.Progress = func(n int64) {
				if n > size/8 {
					cancel()
				}
			}
			if _, err := h.Upload(ctx, u); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if _, err := os.Stat(u.To); !os.IsNotExist(err) {
				t.Fatal("an unfinished file has its name")
			}
			time.Sleep(100 * time.Millisecond) // what is still on its way arrives, or does not
			u.Progress, u.pace = nil, 0
			res, err := h.Upload(short(t), u)
			if err != nil || res.Resumed == 0 || res.Resumed == size {
				t.Fatalf("%+v, %v", res, err)
			}
			arrived(t, u, data)
		})
	}
}

// A file that is not the planned one is not sent, and the node's word counts for
// what has arrived.
func TestUploadRefuses(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			_, h, u, data := uploadTo(t, way.option, 1<<20)
			bad := u
			bad.SHA256 = strings.Repeat("0", 64)
			if res, err := h.Upload(short(t), bad); !errors.Is(err, ErrChanged) || res.Sent != 0 {
				t.Errorf("%+v, %v", res, err)
			}
			bad = u
			bad.Size++
			if res, err := h.Upload(short(t), bad); !errors.Is(err, ErrChanged) || res.Sent != 0 {
				t.Errorf("%+v, %v", res, err)
			}
			bad = u
			bad.To, bad.Part = "/nowhere/x.iso", "/nowhere/x.iso.part"
			if _, err := h.Upload(short(t), bad); err == nil || !strings.Contains(err.Error(), "/nowhere/x.iso") || !strings.Contains(err.Error(), "No such file") {
				t.Error(err)
			}
			tr := &transfer{Upload: u, host: h}
			if err := os.WriteFile(u.Part, append(data, 0), 0o600); err != nil { // what is read there differs from what was sent
				t.Fatal(err)
			}
			var corrupt *CorruptError
			if err := tr.verify(short(t)); !errors.As(err, &corrupt) || corrupt.Want != u.SHA256 {
				t.Error(err)
			}
			for _, path := range []string{u.Part, u.To} {
				if _, err := os.Stat(path); !os.IsNotExist(err) {
					t.Errorf("%s is there (%v)", path, err)
				}
			}
		})
	}
}

// A disk that fills up in the middle ends the upload with what the node says.
func TestUploadFullDisk(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			_, h, u, _ := uploadTo(t, way.option, 4<<20)
			dir := t.TempDir()
			if err := syscall.Mount("small", dir, "tmpfs", 0, "size=1m,mode=755"); err != nil {
				skip(t, "mounting takes more rights: "+err.Error())
			}
			t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
			u.To, u.Part = filepath.Join(dir, "x.iso"), filepath.Join(dir, "x.iso.part")
			_, err := h.Upload(short(t), u)
			if err == nil || !strings.Contains(err.Error(), "No space left") && !strings.Contains(err.Error(), "0 KiB are free") {
				t.Error(err)
			}
		})
	}
}

// A user who becomes root with sudo sends through a session: sftp would not be
// root's.
func TestUploadWithSudo(t *testing.T) {
	_, h, u, _ := uploadTo(t, ways[0].option, 1<<10)
	h.of.user = "ops"
	f, why, err := (&transfer{Upload: u, host: h}).openSFTP(short(t), 0)
	if f != nil || err != nil || !strings.Contains(why, "ops becomes root in a session only") {
		t.Errorf("%v %q %v", f, why, err)
	}
}

// What somebody else has laid where a file shall arrive is not written through: a link
// under its name or under that of its part, a file that is not root's, a folder that
// everybody may write to.
func TestUploadIsNotWrittenThroughALink(t *testing.T) {
	for _, way := range ways {
		for name, prepare := range map[string]func(u Upload, precious string) error{
			"its part is a link":         func(u Upload, precious string) error { return os.Symlink(precious, u.Part) },
			"its name is a link":         func(u Upload, precious string) error { return os.Symlink(precious, u.To) },
			"its name leads to a folder": func(u Upload, precious string) error { return os.Symlink(filepath.Dir(precious), u.To) },
			"its part is somebody else's": func(u Upload, _ string) error {
				return errors.Join(os.WriteFile(u.Part, []byte("x"), 0o666), os.Chown(u.Part, 65534, 65534))
			},
			"its part is a pipe":     func(u Upload, _ string) error { return syscall.Mkfifo(u.Part, 0o666) },
			"everybody's folder":     func(u Upload, _ string) error { return os.Chmod(filepath.Dir(u.To), 0o777) },
			"somebody else's folder": func(u Upload, _ string) error { return os.Chown(filepath.Dir(u.To), 65534, 65534) },
		} {
			t.Run(way.name+" "+name, func(t *testing.T) {
				t.Parallel()
				_, h, u, data := uploadTo(t, way.option, 1<<20)
				to := t.TempDir()
				u.To, u.Part = filepath.Join(to, "x.iso"), filepath.Join(to, "x.iso.part")
				precious := filepath.Join(t.TempDir(), "precious")
				if err := errors.Join(os.WriteFile(precious, []byte("mine\n"), 0o600), prepare(u, precious)); err != nil {
					t.Fatal(err)
				}
				_, err := h.Upload(short(t), u)
				switch refused := strings.Contains(name, "folder") && !strings.Contains(name, "its name"); {
				case refused && (err == nil || !strings.Contains(err.Error(), "is not a folder of root's that nobody else may write to")):
					t.Errorf("got %v", err)
				case !refused && err != nil:
					t.Error(err)
				case !refused:
					arrived(t, u, data)
					if info, err := os.Lstat(u.To); err != nil || !info.Mode().IsRegular() {
						t.Errorf("%v %v", info, err)
					}
				}
				if text, err := os.ReadFile(precious); err != nil || string(text) != "mine\n" {
					t.Errorf("%q %v", text, err)
				}
			})
		}
	}
}
