package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zup/plan"
	"zup/plan/approval"
	"zup/plan/escape"
	"zup/plan/show"
	"zup/plan/state"
)

// Signatures lie beside the plan file: edge.plan.alice@example.com.sig. Their names
// are for people; whose a signature is, its key says.
const signatureEnd = ".sig"

// runPlan is the name of the plan in the folder of a run.
const runPlan = "plan.zup"

// Limits of what is looked at beside a plan file.
const (
	maxSignature  = 64 << 10 // bytes; one of an RSA key has less than 4 KiB
	maxSignatures = 1000
)

// signaturesOf reads the signatures beside a plan file, by name.
func signaturesOf(path string) ([]approval.Signature, error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fail(exitError, "", "read approvals: %w", err)
	}
	var all []approval.Signature
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), base+".") || !strings.HasSuffix(e.Name(), signatureEnd) {
			continue
		}
		text, err := readSignature(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fail(exitError, "", "read approval: %w", err)
		}
		all = append(all, approval.Signature{Name: e.Name(), Text: text})
		if len(all) > maxSignatures {
			return nil, fail(exitError, "", "more than %d files are called like approvals of %s", maxSignatures, path)
		}
	}
	return all, nil
}

// readSignature reads a file as far as a signature can be long.
func readSignature(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, nil // judged like any other text that is no signature
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSignature))
}

// identity returns the bytes that a plan's signatures are over.
func identity(p *plan.Plan) ([]byte, error) {
	var b bytes.Buffer
	err := p.EncodeIdentity(&b)
	return b.Bytes(), err
}

// judge looks at the signatures beside a plan file. The verdict is nil if the plan
// demands none.
func judge(p *plan.Plan, path string, at time.Time) (*approval.Verdict, []approval.Signature, error) {
	d, err := p.Demand()
	if d == nil || err != nil {
		return nil, nil, err
	}
	return judgeBy(d, p, path, at)
}

func judgeBy(d *approval.Demand, p *plan.Plan, path string, at time.Time) (*approval.Verdict, []approval.Signature, error) {
	signatures, err := signaturesOf(path)
	if err != nil {
		return nil, nil, err
	}
	message, err := identity(p)
	if err != nil {
		return nil, nil, err
	}
	v := d.Judge(message, signatures, at)
	return &v, signatures, nil
}

// approved refuses a plan that lacks approvals. It returns its signatures, named as
// a run keeps them beside its own copy of the plan.
func (a *applying) approved(p *plan.Plan, dir, path string) ([]approval.Signature, error) {
	d, err := p.Demand()
	if d == nil || err != nil {
		return nil, err
	}
	if err := addRevoked(d, p, dir); err != nil {
		return nil, err
	}
	v, signatures, err := judgeBy(d, p, path, a.now())
	if err != nil {
		return nil, err
	}
	if !v.Enough() {
		return nil, fail(exitRule, "zup approve "+path, "%s", notEnough(v))
	}
	for i := range signatures {
		signatures[i].Name = runPlan + strings.TrimPrefix(signatures[i].Name, filepath.Base(path))
	}
	return signatures, nil
}

func notEnough(v *approval.Verdict) string {
	lines := show.ApprovalLines(v)
	lines[0] += "; nothing was changed"
	return joinLines(lines)
}

// addRevoked adds the keys that were revoked since the plan was made, if the file
// of the configuration is there: a stolen key must not count because of an older
// plan.
func addRevoked(d *approval.Demand, p *plan.Plan, dir string) error {
	if p.Approval.Revoked == nil {
		return nil
	}
	path := p.Approval.Revoked.Path
	f, err := os.OpenInRoot(dir, filepath.FromSlash(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fail(exitError, "", "read revoked keys: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return fail(exitError, "", "read revoked keys: %w", err)
	}
	keys, mistakes := approval.ParseRevoked(string(text))
	if len(mistakes) > 0 {
		return fail(exitError, "zup validate shows every mistake", "%s line %d: %s; nothing was changed", path, mistakes[0].Line, mistakes[0].Text)
	}
	d.Revoked = append(d.Revoked, keys...)
	return nil
}

// stillApproved refuses to go on with a run whose plan is not the one that was
// approved when it began.
func (a *applying) stillApproved(p *plan.Plan, folder string, began time.Time) error {
	v, _, err := judge(p, filepath.Join(folder, runPlan), began)
	if v == nil || err != nil {
		return err
	}
	if !v.Enough() {
		return fail(exitRule, "put the signatures back into "+folder+", or make a new plan: zup plan -out FILE", "%s", notEnough(v))
	}
	return nil
}

// startOf is when a run began, as the state file says.
func startOf(s *state.State, run string) time.Time {
	for _, a := range s.Applied {
		if a.Run == run {
			return a.Started
		}
	}
	return time.Time{}
}

// listApprovals writes who has signed a plan that demands it.
func (c *cli) listApprovals(p *plan.Plan, path string) error {
	v, _, err := judge(p, path, c.now())
	if v == nil || err != nil {
		return err
	}
	fmt.Fprintln(c.out)
	return show.Approvals(c.out, v, c.show(false))
}

// sayApprovals says how to go on with a plan file that demands approvals. Those of
// the same plan, made before, still count.
func (c *cli) sayApprovals(p *plan.Plan, path string) error {
	v, _, err := judge(p, path, c.now())
	if err != nil {
		return err
	}
	if v.Enough() {
		fmt.Fprintf(c.out, " It is approved. To carry out exactly this plan:\n  zup apply %s\n\n", escape.Name(path))
	} else {
		fmt.Fprintf(c.out, " It needs %s before it can be applied:\n  zup approve %s\n\n", counted(v.Required, "approval", "approvals"), escape.Name(path))
	}
	return show.Approvals(c.out, v, c.show(false))
}
