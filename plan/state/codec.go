package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"zup/plan/disk"
	"zup/plan/shell"
)

// A state file begins with the SHA-256 of everything behind that line, so that a
// single bit that was flipped anywhere is seen:
//
//	{
//	  "digest": "<64 hex digits>",
//	  "applied": …
//
// It is JSON like any other, and "tail -n +3 zup.state.json | sha256sum" checks it.
const (
	digestBefore = "{\n  \"digest\": \""
	digestAfter  = "\",\n"
	digestLength = 2 * sha256.Size
	headLength   = len(digestBefore) + digestLength + len(digestAfter)
)

func (s *State) encode() ([]byte, error) {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	return seal(append(data[len("{\n"):], '\n')), nil
}

// seal puts the digest before the rest of the file.
func seal(rest []byte) []byte {
	return append([]byte(digestBefore+digestOf(rest)+digestAfter), rest...)
}

func digestOf(rest []byte) string {
	sum := sha256.Sum256(rest)
	return hex.EncodeToString(sum[:])
}

// sealed reports whether the file has a digest where it belongs, and whether that
// is the digest of the rest.
func sealed(data []byte) (present, right bool) {
	if len(data) < headLength || !bytes.HasPrefix(data, []byte(digestBefore)) {
		return false, false
	}
	head, rest := data[:headLength], data[headLength:]
	return bytes.HasSuffix(head, []byte(digestAfter)), bytes.Equal(head, seal(rest)[:headLength])
}

// decode reads a state file. The digest is looked at before the format version: one
// that was flipped is damage, and not a later format.
func decode(path string, data []byte) (*State, error) {
	var head struct {
		FormatVersion int    `json:"format_version"`
		ZupVersion    string `json:"zup_version"`
	}
	present, right := sealed(data)
	err := json.Unmarshal(data, &head)
	switch {
	case err != nil:
		return nil, damaged(path, describe(err, len(data)))
	case present && !right:
		return nil, damaged(path, "its digest is not that of its content: something in it has changed since zup wrote it")
	case head.FormatVersion > FormatVersion:
		return nil, &NewerError{path, head.FormatVersion, head.ZupVersion}
	case !present:
		return nil, damaged(path, "it does not begin with a digest, as every state file does")
	}
	var s State
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, damaged(path, describe(err, len(data)))
	}
	if s.FormatVersion < 1 || s.Lineage == "" {
		return nil, damaged(path, "it has no format_version or no lineage")
	}
	for name, c := range s.Clusters {
		if c == nil {
			return nil, damaged(path, fmt.Sprintf("cluster %q is null", name))
		}
	}
	if problem := s.misnamed(); problem != "" {
		return nil, damaged(path, problem)
	}
	return &s, nil
}

func describe(err error, size int) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf("not JSON after byte %d of %d (%v)", syntax.Offset, size, err)
	}
	return err.Error()
}

// DamagedError says that a state file can't be understood.
type DamagedError struct {
	Path   string
	Reason string
	Backup *State // what stands in the file that is kept beside; nil: that can't be used either
}

func damaged(path, reason string) *DamagedError { return &DamagedError{Path: path, Reason: reason} }

func (e *DamagedError) Error() string {
	return fmt.Sprintf("state file %s is damaged: %s", e.Path, e.Reason)
}

// Hint says what to do about it.
func (e *DamagedError) Hint() string {
	hint := fmt.Sprintf("the nodes know what was done to them: keep %s for the record, move it away and plan again", e.Path)
	if e.Backup == nil {
		return hint
	}
	path := shell.File(e.Path)
	return fmt.Sprintf("the write before is whole, with serial %d: %s && %s (or, since the nodes know what was done to them, move it away and plan again)",
		e.Backup.Serial, shell.Command("mv", path, path+".damaged"), shell.Command("cp", path+backupSuffix, path))
}

// withBackup looks what the file that is kept beside is good for.
func withBackup(err error) error {
	var d *DamagedError
	if errors.As(err, &d) {
		if data, err := disk.ReadFile(d.Path+backupSuffix, disk.MaxState); err == nil {
			d.Backup, _ = decode(d.Path+backupSuffix, data)
		}
	}
	return err
}

// NewerError says that a state file was written by a later zup.
type NewerError struct {
	Path       string
	Version    int
	ZupVersion string
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("state file %s has format version %d, written by zup %s; this zup knows version %d", e.Path, e.Version, e.ZupVersion, FormatVersion)
}

// Hint says what to do about it.
func (e *NewerError) Hint() string {
	return fmt.Sprintf("use zup %s or later for this configuration", e.ZupVersion)
}
