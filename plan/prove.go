package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"zup/plan/config"
)

// OtherZupError says that a plan was made by another version of zup than the one that
// shall carry it out. What that one would have made nobody can tell.
type OtherZupError struct {
	Made string // the version that made it, as the plan says
	This string // the version that looks at it
}

func (e *OtherZupError) Error() string {
	return fmt.Sprintf("the plan was made by zup %s, and this is zup %s: only the version that made a plan can prove it and carry it out", e.Made, e.This)
}

// AlteredError says that a plan is not what zup makes of what it was made from.
type AlteredError struct {
	Version     string // of zup
	Differences []Difference
}

// shownDifferences is how many an error lists.
const shownDifferences = 20

func (e *AlteredError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the plan is not what zup %s makes of its configuration and its facts", e.Version)
	for i, d := range e.Differences {
		if i == shownDifferences {
			fmt.Fprintf(&b, "\n  and %d more", len(e.Differences)-i)
			break
		}
		b.WriteString("\n  " + d.String())
	}
	return b.String()
}

// Prove makes a plan again from what stands in it: the text of its configuration, what
// the nodes and the state file said, and what was asked for. It returns nil if every
// byte that its ID stands for comes out the same, an *OtherZupError if another version
// of zup made it, and otherwise an *AlteredError. It is as pure as Build.
//
// That the configuration is the right one, and that the nodes said what stands there,
// it does not prove: whoever can have a plan made of other facts gets a plan that is
// proven too.
func Prove(p *Plan, providers map[string]Provider, version string) error {
	if p.ZupVersion != version {
		return &OtherZupError{Made: p.ZupVersion, This: version}
	}
	if p.CreatedFrom == nil {
		return &AlteredError{version, []Difference{{"the plan", []string{"created_from is missing: nobody can tell what it was made from"}}}}
	}
	found := p.undigested()
	switch made, err := p.again(providers); {
	case err != nil:
		found = append(found, Difference{"the plan", []string{err.Error()}})
	case made.PlanID != p.PlanID:
		found = append(found, differences(p, made)...)
	}
	if len(found) > 0 {
		return &AlteredError{version, found}
	}
	return nil
}

// undigested says what of a plan's origin is not that of its digest.
func (p *Plan) undigested() []Difference {
	var all []Difference
	if p.CreatedSHA256 != "" {
		all = append(all, Difference{"created_from", []string{"it is not that of its digest"}})
	}
	for i := range p.Config.Files {
		if err := p.Config.Files[i].intact(); err != nil {
			all = append(all, Difference{"the configuration", []string{err.Error()}})
		}
	}
	if p.Config.digest() != p.Config.SHA256 {
		all = append(all, Difference{"the configuration", []string{"it is not that of its digest"}})
	}
	return all
}

// again makes the plan again.
func (p *Plan) again(providers map[string]Provider) (*Plan, error) {
	cfg, err := p.configuration(providers)
	if err != nil {
		return nil, err
	}
	for i := range p.CreatedFrom.Clusters {
		s := &p.CreatedFrom.Clusters[i]
		if !slices.ContainsFunc(cfg.Clusters, func(c *config.Cluster) bool { return c.Name == s.Name && len(c.Nodes) == len(s.Nodes) }) {
			return nil, fmt.Errorf("the configuration has no cluster %s of %d nodes", s.Name, len(s.Nodes))
		}
	}
	made, err := Build(p.input(cfg, providers))
	var refused *RefusedError
	if errors.As(err, &refused) {
		return nil, fmt.Errorf("zup makes no plan of it: %s", refused.Refusals[0])
	}
	return made, err
}

// configuration reads the plan's own copy of the configuration.
func (p *Plan) configuration(providers map[string]Provider) (*config.Config, error) {
	files := make([]config.File, len(p.Config.Files))
	for i, f := range p.Config.Files {
		files[i] = config.File{Path: f.Path, SHA256: f.SHA256, Text: f.Text}
	}
	record := config.Record{Asked: p.Config.Asked, Nonsensitive: p.Config.Nonsensitive, Values: p.Config.Values}
	for _, f := range p.Config.VarFiles {
		record.VarFiles = append(record.VarFiles, config.VarFile(f))
	}
	cfg, diags := config.Reload(files, record, config.Options{
		Version: p.ZupVersion, Plan: ConditionType(), Products: Declared(providers),
	})
	for _, d := range diags.All {
		if d.Severity == hcl.DiagError {
			return nil, fmt.Errorf("its configuration can't be read again: %s", strings.TrimSuffix(d.Summary, "."))
		}
	}
	if len(cfg.Unknown) > 0 {
		return nil, fmt.Errorf("it depends on something that is not in the plan, because it is sensitive: %s", strings.Join(cfg.Unknown, ", "))
	}
	return cfg, nil
}
