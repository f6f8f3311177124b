package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/approval"
	"zup/plan/disk"
	"zup/plan/shell"
	"zup/plan/show"
	"zup/plan/state"
)

// Signatures lie beside the plan file: edge.plan.alice@example.com.sig. Their names
// are for people; whose a signature is, its key says.
const signatureEnd = ".sig"

// maxSignatures is how many files beside a plan file are looked at.
const maxSignatures = 1000

// signaturesOf reads the signatures beside a plan file, by name. What can't be one, a
// link above all, is listed with the reason.
func signaturesOf(path string) ([]approval.Signature, error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	d, err := disk.OpenDir(dir)
	if err != nil {
		return nil, fail(exitError, "", "read approvals: %w", err)
	}
	defer d.Close()
	names, err := d.Names()
	if err != nil {
		return nil, fail(exitError, "", "read approvals: %w", err)
	}
	var all []approval.Signature
	for _, name := range names {
		if !strings.HasPrefix(name, base+".") || !strings.HasSuffix(name, signatureEnd) {
			continue
		}
		text, err := d.ReadPlain(name, disk.MaxSignature)
		if errors.Is(err, fs.ErrNotExist) { // it was removed just now
			continue
		}
		all = append(all, approval.Signature{Name: name, Text: text, Unread: unread(err)})
		if len(all) > maxSignatures {
			return nil, fail(exitError, "", "more than %d files are called like approvals of %s", maxSignatures, path)
		}
	}
	return all, nil
}

// unread says in a few words why a file is not read as a signature.
func unread(err error) string {
	var link *disk.LinkError
	var p *fs.PathError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &link):
		return "it is a symbolic link"
	case errors.As(err, &p):
		if err = p.Err; errors.Is(err, disk.ErrDirectory) || errors.Is(err, disk.ErrIrregular) || isSize(err) {
			return "it is no SSH signature: it " + err.Error()
		}
	}
	return "it can't be read: " + err.Error()
}

func isSize(err error) bool {
	var size *disk.SizeError
	return errors.As(err, &size)
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

// approved refuses a plan that lacks approvals, by its own demand or by that of the
// configuration beside it. It returns its signatures, named as a run keeps them beside
// its own copy of the plan.
func (a *applying) approved(p *demanding, path string) ([]approval.Signature, error) {
	var kept []approval.Signature
	for _, by := range p.judges() {
		d, err := by.Demand()
		if err != nil {
			return nil, err
		}
		if d == nil {
			continue
		}
		d.Revoked = append(d.Revoked, p.revoked...)
		v, signatures, err := judgeBy(d, p.Plan, path, a.now())
		if err != nil {
			return nil, err
		}
		if !v.Enough() {
			return nil, p.because(by, fail(exitRule, p.approveHint(path), "%s", notEnough(v)))
		}
		kept = signatures
	}
	// What merely has the name of a signature may be anything, and is not kept.
	kept = slices.DeleteFunc(kept, func(s approval.Signature) bool { return !s.IsSignature() })
	for i := range kept {
		kept[i].Name = apply.PlanFile + strings.TrimPrefix(kept[i].Name, filepath.Base(path))
	}
	return kept, nil
}

// approveHint is how approvals are to be had: zup approve signs what the plan itself
// demands.
func (d *demanding) approveHint(path string) string {
	if d.Approval == nil {
		return "make a new plan, which demands them, and have that one approved: zup plan -out FILE, zup approve FILE, zup apply FILE"
	}
	return shell.Command("zup", "approve", shell.File(path))
}

func notEnough(v *approval.Verdict) string {
	lines := show.ApprovalLines(v)
	lines[0] += "; nothing was changed"
	return joinLines(lines)
}

// revokedToday reads a list of revoked keys that a plan names, as it is now.
func revokedToday(dir, path string) (approval.Keys, error) {
	text, err := readInside(dir, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail(exitRule, "put the list back, or make a new plan: zup plan -out FILE",
			"the plan names a list of revoked keys, %s, and there is none in %s any more: whether a signature counts can't be told; nothing was changed", path, dir)
	}
	if err != nil {
		return nil, fail(exitError, "", "read revoked keys: %w", err)
	}
	keys, mistakes := approval.ParseRevoked(string(text))
	if len(mistakes) > 0 {
		return nil, fail(exitError, "zup validate shows every mistake", "%s line %d: %s; nothing was changed", path, mistakes[0].Line, mistakes[0].Text)
	}
	return keys, nil
}

// stillApproved refuses to go on with a run whose plan is not the one that was
// approved when it began.
func (a *applying) stillApproved(p *plan.Plan, folder string, began time.Time) error {
	v, _, err := judge(p, filepath.Join(folder, apply.PlanFile), began)
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
// the same plan, made before, still count. The command carries it out then.
func (c *cli) sayApprovals(p *plan.Plan, path, apply string) error {
	v, _, err := judge(p, path, c.now())
	if err != nil {
		return err
	}
	if v.Enough() {
		fmt.Fprintf(c.out, " It is approved. To carry out exactly this plan:\n  %s\n\n", apply)
	} else {
		fmt.Fprintf(c.out, " It needs %s before it can be applied:\n  %s\n\n", counted(v.Required, "approval", "approvals"), c.command("approve", shell.File(path)))
	}
	return show.Approvals(c.out, v, c.show(false))
}
