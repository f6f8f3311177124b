package plan

import (
	"fmt"

	"zup/plan/approval"
)

// Demand returns whose signatures the plan needs, read from its own copy of the
// signers file; nil: nobody's. The error is about that copy.
func (p *Plan) Demand() (*approval.Demand, error) {
	a := p.Approval
	if a == nil {
		return nil, nil
	}
	d := &approval.Demand{Required: a.Required, Author: p.Author, AuthorMayApprove: a.AuthorMayApprove}
	var mistakes []approval.Mistake
	if d.Signers, mistakes = approval.ParseSigners(a.Signers.Text); len(mistakes) > 0 {
		return nil, mistake(&a.Signers, mistakes[0])
	}
	if a.Revoked != nil {
		if d.Revoked, mistakes = approval.ParseRevoked(a.Revoked.Text); len(mistakes) > 0 {
			return nil, mistake(a.Revoked, mistakes[0])
		}
	}
	return d, nil
}

func mistake(f *File, m approval.Mistake) error {
	return fmt.Errorf("%s line %d: %s", f.Path, m.Line, m.Text)
}

// approvable: what the plan says about approvals can be carried out as it says it.
func approvable(c *checked) string {
	a := c.plan.Approval
	if a == nil {
		return ""
	}
	_, err := c.plan.Demand()
	switch {
	case err != nil:
		return err.Error()
	case a.Required < 1:
		return fmt.Sprintf("%d approvals are not approvals", a.Required)
	}
	for _, f := range []*File{&a.Signers, a.Revoked} {
		if err := f.intact(); err != nil {
			return err.Error()
		}
	}
	return ""
}
