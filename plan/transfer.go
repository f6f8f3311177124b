package plan

import (
	"fmt"

	"zup/plan/name"
)

// Image is a file that zup brings to the nodes, as it is where zup runs. It was
// read before planning, because planning reads no files.
type Image struct {
	Err    error  // why it could not be read, or is not the configured one
	SHA256 string // 64 lower-case hex digits
	Size   int64  // bytes
}

// transferShape says what is wrong with an upload.
func (a *Action) transferShape() string {
	u := a.Upload
	switch {
	case u == nil || u.From == "" || u.To == "" || u.Part == "" || a.Node == "":
		return "an upload needs a file, a place for it and for its beginning, and a node"
	case u.Part == u.To:
		return "an upload would write into the file that it replaces"
	case u.Size <= 0 || !name.Digest(u.SHA256):
		return fmt.Sprintf("an upload of %d bytes with the SHA-256 %q can't be verified", u.Size, u.SHA256)
	case len(a.Check) == 0:
		return "an upload needs a check that proves it done"
	case len(a.Until) > 0 || a.Undo != "" || a.Detached || len(a.Prompts) > 0:
		return "an upload waits for nothing, is not undone and asks nothing"
	}
	return ""
}
