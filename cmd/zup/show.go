package main

import (
	"errors"

	"github.com/spf13/cobra"

	"zup/plan"
	"zup/plan/approval"
	"zup/plan/disk"
	"zup/plan/document"
	"zup/plan/name"
	"zup/plan/review"
	"zup/plan/show"
)

func (c *cli) showCommand() *cobra.Command {
	var f forms
	var canonical bool
	cmd := &cobra.Command{
		Use:   "show FILE|RUN",
		Short: "Print a saved plan or a run",
		Long: `show prints a plan that "zup plan -out FILE" wrote, also one that is stale or was
applied, and who has approved it; or a run, by its ID or its folder. Nothing is
asked of a node. A plan is made again from what stands in it: where a part of it is
not what zup makes, that part is named first, and show exits with 7.

Without an option it is text; with -json the plan as it is in the file. With -html
it is the document for a change request: one page that needs no network, to be
read, printed and signed. With -md it is the same for a pull request.

With -canonical it prints the bytes that signatures are over, and that plan_id is
the SHA-256 of.`,
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			folder, err := c.runNamed(args[0])
			if err != nil {
				return err
			}
			switch {
			case folder != "" && canonical:
				return usagef("zup show -canonical FILE", "signatures are over a plan, and %s is a run", args[0])
			case folder != "":
				return c.printRun(folder, &f)
			case canonical:
				return c.printCanonical(args[0])
			}
			return c.printPlan(args[0], &f)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&canonical, "canonical", false, "print the bytes that signatures are over")
	return cmd
}

func (c *cli) printPlan(path string, f *forms) error {
	p, err := readPlan(path)
	switch {
	case err != nil:
		return err
	case f.json:
		return p.Encode(c.bytes())
	}
	proof := prove(p)
	if f.markdown || f.html {
		d, err := c.changeDocument(p, path, proof)
		if err != nil {
			return err
		}
		return errorOr(c.document(d, f), notProven(proof))
	}
	o := c.show(f.verbose)
	if o.Proven = proof == nil; !o.Proven {
		if err := show.NotProven(c.out, proof, o); err != nil {
			return err
		}
	}
	if err := show.Plan(c.out, p, o); err != nil {
		return err
	}
	return errorOr(c.listApprovals(p, path), notProven(proof))
}

// prove makes a plan again from what stands in it.
func prove(p *plan.Plan) error { return plan.Prove(p, planners(), version) }

// notProven is how a command ends that has said what of a plan was altered.
func notProven(proof error) error {
	var altered *plan.AlteredError
	if errors.As(proof, &altered) {
		return said(exitDamaged)
	}
	return nil
}

// changeDocument is the document of a plan, with what came of proving it, and what is
// found of signatures beside its file; without one nobody has looked.
func (c *cli) changeDocument(p *plan.Plan, path string, proof error) (*document.Document, error) {
	var signed *approval.Verdict
	if path != "" {
		var err error
		if signed, _, err = judge(p, path, c.now()); err != nil {
			return nil, err
		}
	}
	d := review.Change(p, signed)
	review.Proof(d, p, proof)
	return d, nil
}

func (c *cli) printCanonical(path string) error {
	p, err := readPlan(path)
	if err != nil {
		return err
	}
	return p.EncodeIdentity(c.bytes())
}

// runNamed returns the folder of the run that an argument names, by its ID or as a
// folder, or "" if it names none. A file of that name comes first.
func (c *cli) runNamed(arg string) (string, error) {
	info, err := disk.Stat(arg)
	if err == nil {
		if info.IsDir() {
			return arg, nil
		}
		return "", nil
	}
	if !name.Run(arg) {
		return "", nil
	}
	dir, err := c.directory()
	if err != nil {
		return "", err
	}
	folder := runFolder(dir, arg)
	if _, err := disk.Stat(folder); err != nil {
		return "", nil
	}
	return folder, nil
}
