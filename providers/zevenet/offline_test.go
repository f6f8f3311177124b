package zevenet

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"zup/plan"
	"zup/plan/config"
)

// The newest image is the one that "sort -V" puts last.
func TestVersionSort(t *testing.T) {
	name := rapid.Custom(func(t *rapid.T) string {
		const dir = "/usr/local/zevenet/updates/"
		stem := rapid.StringMatching(`[a-z~.+_-]{0,3}(update|Update|u)?[-_.~+]?[0-9]{0,3}(\.[0-9]{1,3}){0,3}[a-z~.-]{0,2}`).Draw(t, "stem")
		return dir + stem + rapid.SampledFrom([]string{".iso", ".iso", "", ".1.iso", ".old.iso", "~.iso"}).Draw(t, "suffix")
	})
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(name, 2, 40).Draw(t, "names")
		cmd := exec.Command("sort", "-V")
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		cmd.Stdin = strings.NewReader(strings.Join(names, "\n") + "\n")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(names, compareVersionSort)
		if got := strings.Join(names, "\n") + "\n"; got != string(out) {
			t.Fatalf("sort -V says\n%s\nzup says\n%s", out, got)
		}
	})
}

// What a node says of its updates directory is what its updater would say: of the names
// that ls shows, or of the paths of all files, whatever is in them.
func TestImageFacts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		product string
		add     map[string]string // to two images
		images  string
		takes   string
	}{
		{"zevenet", nil, "update-6.1.9.iso update-6.1.20.iso", "update-6.1.20.iso"},
		{"relianoid", nil, "update-6.1.9.iso update-6.1.20.iso", "update-6.1.20.iso"},
		{"zevenet", map[string]string{"update-6.1.20.iso.sha256": "sum"}, "update-6.1.9.iso update-6.1.20.iso update-6.1.20.iso.sha256", "update-6.1.20.iso.sha256"},
		{"relianoid", map[string]string{"update-6.1.20.iso.sha256": "sum"}, "update-6.1.9.iso update-6.1.20.iso update-6.1.20.iso.sha256", "update-6.1.20.iso.sha256"},
		{"zevenet", map[string]string{"iso.tmp": "half an upload"}, "iso.tmp update-6.1.9.iso update-6.1.20.iso", "update-6.1.20.iso"},
		{"zevenet", map[string]string{"update-6.1.21.iso.filepart": "half an upload"}, "update-6.1.9.iso update-6.1.20.iso update-6.1.21.iso.filepart", "update-6.1.21.iso.filepart"},
		{"zevenet", map[string]string{"with space": "x"}, "update-6.1.9.iso update-6.1.20.iso with?space", "with space"},
		{"zevenet", map[string]string{".hidden": "x"}, "update-6.1.9.iso update-6.1.20.iso", "update-6.1.20.iso"},
		{"relianoid", map[string]string{".hidden": "x"}, ".hidden update-6.1.9.iso update-6.1.20.iso", "update-6.1.20.iso"},
		{"zevenet", map[string]string{"zold/update-1.iso": "x"}, "update-6.1.9.iso update-6.1.20.iso zold", "zold"},
		{"relianoid", map[string]string{"zold/update-1.iso": "x"}, "update-6.1.9.iso update-6.1.20.iso zold/update-1.iso", "zold/update-1.iso"},
		{"relianoid", map[string]string{"old/update-99.iso": "x"}, "old/update-99.iso update-6.1.9.iso update-6.1.20.iso", "update-6.1.20.iso"},
	} {
		p := Providers()[tt.product].personality()
		s := newSandbox(t)
		s.updates()
		s.write("root/updates/update-6.1.9.iso", "nine")
		s.write("root/updates/update-6.1.20.iso", "twenty")
		for name, data := range tt.add {
			if err := os.MkdirAll(filepath.Dir(s.path("root/updates/"+name)), 0o755); err != nil {
				t.Fatal(err)
			}
			s.write("root/updates/"+name, data)
		}
		f := s.withPrograms(p, "images", "image")
		if takes, _, _ := strings.Cut(f["image"], " "); f["images"] != tt.images || takes != strings.ReplaceAll(tt.takes, " space", "") {
			t.Errorf("%s with %v: %q", tt.product, tt.add, f)
		}
	}
	s := newSandbox(t)
	s.updates()
	if err := os.MkdirAll(s.path("root/updates.zup"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.write("root/updates/update-6.1.20.iso", "twenty")
	s.write("root/updates.zup/update-6.1.21.iso", "part")
	f := s.facts("image", "images", "updates", "staged")
	if f["image"] != "update-6.1.20.iso "+digest("twenty") || f["images"] != "update-6.1.20.iso" || f["staged"] != "no" {
		t.Errorf("%q", f)
	}
	for _, want := range []string{"free=", "update-6.1.20.iso=6", "update-6.1.21.iso.zup-part=4"} {
		if !strings.Contains(f["updates"], want) {
			t.Errorf("no %q in %q", want, f["updates"])
		}
	}
}

// Whether something would win over ours is reckoned here as the updater reckons it.
func TestWhatWinsOverTheImage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		product, lies string
		wins          bool
	}{
		{"zevenet", "none", false},
		{"zevenet", "update-6.1.19.iso update-6.1.2.iso", false},
		{"zevenet", "update-6.1.100.iso", true},
		{"zevenet", "update-6.1.20.iso.sha256", true},
		{"zevenet", "update-6.1.20.iso.part", true},
		{"zevenet", "SHA256SUMS", false},
		{"zevenet", "iso.tmp", false},
		{"zevenet", "zevenet-update.iso", true},
		{"zevenet", "a?b", true}, // nobody knows what it is to the letter
		{"relianoid", "old/update-6.1.100.iso", false},
		{"relianoid", "update-6.1.20.iso.sha256", true},
		{"relianoid", ".keep", false},
	} {
		p := &pair{product: Providers()[tt.product].personality(), cfg: &config.Cluster{Version: "6.1.20", Package: &config.Package{Offline: "x/update-6.1.20.iso"}}}
		n := &node{name: "n", facts: map[string]string{"images": tt.lies, "package": "ii 6.1.19", "version": "6.1.19"}}
		if f := hasNoLeftovers(p, n); (f.Status == plan.Failed) != tt.wins {
			t.Errorf("%s with %q: %+v", tt.product, tt.lies, f)
		} else if tt.wins && !strings.Contains(f.Detail, strings.Fields(tt.lies)[0]) {
			t.Errorf("%q is not named: %+v", tt.lies, f)
		}
	}
	for name, taken := range map[string]bool{"update.iso": true, "update-6.1.20.iso": true, "iso-6.1.20.iso": true, "my-iso-6.1.20.iso": false, "update.iso.iso": false, "updateiso.iso": false} {
		if takenByName(name) != taken {
			t.Errorf("%s: %t", name, !taken)
		}
	}
}

func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// updates makes the folders that the scripts about images need.
func (s *sandbox) updates() {
	s.t.Helper()
	for _, dir := range []string{"root/updates", "etc/apt/sources.list.d", "var/lib/apt/lists", "media"} {
		if err := os.MkdirAll(s.path(dir), 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
}

// image runs a script about update-6.1.20.iso, which shall have this content.
func (s *sandbox) image(name, content string) (string, error) {
	s.t.Helper()
	return s.imageOfSize(name, content, int64(len(content)))
}

func (s *sandbox) imageOfSize(name, content string, size int64) (string, error) {
	s.t.Helper()
	p := &pair{product: family[0], cfg: &config.Cluster{Package: &config.Package{Offline: "x/update-6.1.20.iso"}}}
	p.image = &plan.Image{Size: size, SHA256: digest(content)}
	cmd := exec.Command("sh")
	cmd.Stdin = strings.NewReader(strings.NewReplacer(
		"/etc/apt/", s.path("etc/apt")+"/",
		"/var/lib/apt/", s.path("var/lib/apt")+"/",
		"/media/", s.path("media")+"/",
		"/var/lib/zup", s.path("var/lib/zup"),
		"/usr/local/zevenet", s.path("root"),
	).Replace(p.imageScript(name)))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// An image that was there before stays, whatever is done with it; one that zup
// sent goes, with the beginning of one that never arrived.
func TestImagePrepareAndRemove(t *testing.T) {
	t.Parallel()
	const image, part = "root/updates/update-6.1.20.iso", "root/updates.zup/update-6.1.20.iso"
	for _, tt := range []struct {
		name, before string
		sent         map[string]string // what the upload leaves
		after        string
	}{
		{"sent", "(absent)", map[string]string{image: "image"}, "(absent)"},
		{"cut off", "(absent)", map[string]string{part: "im"}, "(absent)"},
		{"cut off by a zup of before", "(absent)", map[string]string{image + ".zup-part": "im"}, "(absent)"},
		{"there before", "image", nil, "image"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			s.updates()
			if tt.before != "(absent)" {
				s.write(image, tt.before)
			}
			for range 2 { // a run that was cut off begins again
				if out, err := s.image("image_prepare", "image"); err != nil {
					t.Fatal(out, err)
				}
			}
			if f := s.facts("staged", "open"); f["staged"] != s.path(image) || f["open"] != "image" {
				t.Errorf("%q", f)
			}
			for name, data := range tt.sent {
				s.write(name, data)
			}
			for range 2 {
				if out, err := s.image("image_remove", "image"); err != nil {
					t.Fatal(out, err)
				}
			}
			if got := s.read(image); got != tt.after {
				t.Errorf("after: %q, want %q", got, tt.after)
			}
			if s.read(image+".zup-part") != "(absent)" {
				t.Error("the beginning is still there")
			}
			if _, err := os.Stat(s.path("root/updates.zup")); err == nil {
				t.Error("its folder is still there")
			}
			if f := s.facts("staged", "open"); f["staged"] != "no" || f["open"] != "none" {
				t.Errorf("%q", f)
			}
		})
	}
}

// Somebody else's image of the same name is not touched.
func TestImagePrepareRefuses(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.updates()
	s.write("root/updates/update-6.1.20.iso", "another")
	out, err := s.image("image_prepare", "image")
	if err == nil || !strings.Contains(out, "zup did not put it there") || s.read("root/updates/update-6.1.20.iso") != "another" {
		t.Errorf("%v %s", err, out)
	}
	if f := s.facts("open"); f["open"] != "none" {
		t.Errorf("%q", f)
	}
}

// A disk that is too full is seen before the first byte; what is there counts.
func TestImagePrepareWantsRoom(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.updates()
	out, err := s.imageOfSize("image_prepare", "image", 1<<60)
	if err == nil || !strings.Contains(out, "the image needs 1125899906842625 KiB more, and ") {
		t.Errorf("%v %s", err, out)
	}
	part := s.path("root/updates.zup/update-6.1.20.iso")
	if err := os.WriteFile(part, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(part, 1<<40); err != nil {
		if os.Getenv("ZUP_CI") != "" {
			t.Fatal("no sparse files here: ", err)
		}
		t.Skip("no sparse files here: ", err)
	}
	if out, err := s.imageOfSize("image_prepare", "image", 1<<40+1); err != nil {
		t.Errorf("%v %s", err, out)
	}
}

// The source list comes back byte for byte where it names the image, and stays
// where somebody changed it meanwhile; the image's package lists go.
func TestImageRemovePutsTheSourceListBack(t *testing.T) {
	t.Parallel()
	const list = "etc/apt/sources.list.d/zevenet.list"
	for _, tt := range []struct{ name, kept, now, after string }{
		{"as it was", "deb https://a buster main\n# no line feed", "deb file:///%s/update-6.1.20 buster main\n", "deb https://a buster main\n# no line feed"},
		{"options", "deb [trusted=yes] https://a buster main\n", "deb [trusted=yes] file:///%s/update-6.1.20 buster main\n", "deb [trusted=yes] https://a buster main\n"},
		{"changed meanwhile", "deb https://a buster main\n", "deb https://b buster main\n", "deb https://b buster main\n"},
		{"another image", "deb https://a buster main\n", "deb file:///%s/update-6.1.2 buster main\n", "deb file:///%s/update-6.1.2 buster main\n"},
		{"absent", "(absent)", "deb file:///%s/update-6.1.20 buster main\n", "(absent)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			s.updates()
			if out, err := s.image("image_prepare", "image"); err != nil {
				t.Fatal(out, err)
			}
			kept := "var/lib/zup/kept/zevenet.list"
			if tt.kept == "(absent)" {
				kept, tt.kept = kept+".absent", ""
			}
			s.write(kept, tt.kept)
			media := strings.TrimPrefix(s.path("media"), "/")
			s.write(list, strings.ReplaceAll(tt.now, "%s", media))
			s.write("var/lib/apt/lists/_media_update-6.1.20_dists_buster_Release", "x")
			s.write("var/lib/apt/lists/_media_update-6.1.2_dists_buster_Release", "x")
			if out, err := s.image("image_remove", "image"); err != nil {
				t.Fatal(out, err)
			}
			if got, want := s.read(list), strings.ReplaceAll(tt.after, "%s", media); got != want {
				t.Errorf("after: %q, want %q", got, want)
			}
			if s.read("var/lib/apt/lists/_media_update-6.1.20_dists_buster_Release") != "(absent)" || s.read("var/lib/apt/lists/_media_update-6.1.2_dists_buster_Release") != "x" {
				t.Error("the wrong package lists are gone")
			}
		})
	}
}
