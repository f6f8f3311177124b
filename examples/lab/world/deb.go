//go:build linux

package world

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// file is the content of a file to be, with its permissions. A file with a
// target is a symbolic link.
type file struct {
	Mode   int64
	Data   []byte
	Target string
}

func text(s string) file   { return file{Mode: 0o644, Data: []byte(s)} }
func script(s string) file { return file{Mode: 0o755, Data: []byte(s)} }
func secret(s string) file { return file{Mode: 0o600, Data: []byte(s)} }

// deb is a Debian package.
type deb struct {
	name, version, architecture string
	depends, description        string
	conflicts                   string
	files                       map[string]file // by absolute path
	conffiles                   []string
	scripts                     map[string]string // preinst, postinst …
}

func (d deb) filename() string {
	return fmt.Sprintf("%s_%s_%s.deb", d.name, d.version, d.architecture)
}

// control is the package's paragraph, as it stands in the package and, with
// some lines more, in a repository's list.
func (d deb) control() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Package: %s\nVersion: %s\nArchitecture: %s\n", d.name, d.version, d.architecture)
	fmt.Fprintf(&b, "Maintainer: the lab of zup <nobody@lab.invalid>\n")
	if d.depends != "" {
		fmt.Fprintf(&b, "Depends: %s\n", d.depends)
	}
	if d.conflicts != "" {
		fmt.Fprintf(&b, "Conflicts: %s\n", d.conflicts)
	}
	fmt.Fprintf(&b, "Section: net\nPriority: optional\nDescription: %s\n", d.description)
	return b.String()
}

// bytes is the package as a file: an ar archive of a version, a control and a
// data member. The same package always has the same bytes.
func (d deb) bytes() []byte {
	control := map[string]file{"/control": text(d.control())}
	for name, body := range d.scripts {
		control["/"+name] = script(body)
	}
	if len(d.conffiles) > 0 {
		control["/conffiles"] = text(strings.Join(d.conffiles, "\n") + "\n")
	}
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	member(&b, "debian-binary", []byte("2.0\n"))
	member(&b, "control.tar.gz", tarball(control))
	member(&b, "data.tar.gz", tarball(d.files))
	return b.Bytes()
}

// member appends one member to an ar archive; members begin at even offsets.
func member(b *bytes.Buffer, name string, data []byte) {
	fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", name, 0, 0, 0, 0o100644, len(data))
	b.Write(data)
	if len(data)%2 == 1 {
		b.WriteByte('\n')
	}
}

// tarball packs the files and the directories that they need. Writing into
// memory can't fail.
func tarball(files map[string]file) []byte {
	var b bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	w := tar.NewWriter(zip)
	for _, dir := range directories(files) {
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "." + dir + "/", Mode: 0o755, ModTime: time.Unix(0, 0)})
	}
	for _, name := range sortedKeys(files) {
		f := files[name]
		header := &tar.Header{Typeflag: tar.TypeReg, Name: "." + name, Mode: f.Mode, Size: int64(len(f.Data)), ModTime: time.Unix(0, 0)}
		if f.Target != "" {
			header.Typeflag, header.Linkname, header.Mode = tar.TypeSymlink, f.Target, 0o777
		}
		w.WriteHeader(header)
		w.Write(f.Data)
	}
	w.Close()
	zip.Close()
	return b.Bytes()
}

// directories lists the parents of all files, outer ones first.
func directories(files map[string]file) []string {
	seen := map[string]file{}
	for name := range files {
		for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
			seen[dir] = file{}
		}
	}
	return sortedKeys(seen)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// repositoryFiles is a repository that offers these packages, by the path below
// its address: what `deb <address> <codename> main` asks for.
func repositoryFiles(debs []deb, codename string) map[string][]byte {
	files := map[string][]byte{}
	var list bytes.Buffer
	for _, d := range debs {
		body := d.bytes()
		name := "pool/main/" + d.filename()
		files[name] = body
		fmt.Fprintf(&list, "%sFilename: %s\nSize: %d\nSHA256: %x\n\n", d.control(), name, len(body), sha256.Sum256(body))
	}
	index := "main/binary-" + debArch() + "/Packages"
	files["dists/"+codename+"/"+index] = list.Bytes()
	files["dists/"+codename+"/Release"] = fmt.Appendf(nil,
		"Origin: the lab of zup\nLabel: the lab (a mirror)\nSuite: %s\nCodename: %s\nArchitectures: %s\nComponents: main\nDate: %s\nSHA256:\n %x %d %s\n",
		codename, codename, debArch(), time.Now().UTC().Format(time.RFC1123), sha256.Sum256(list.Bytes()), list.Len(), index)
	return files
}
