package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"

	"zup/plan/config"
	"zup/plan/state"
)

// planned is a configuration as a plan keeps it.
func planned(cfg *config.Config) Config {
	c := Config{Asked: cfg.Asked, Files: make([]File, len(cfg.Files)), Nonsensitive: cfg.Nonsensitive, Values: cfg.Values}
	for i, f := range cfg.Files {
		c.Files[i] = fileOf(f)
	}
	for _, f := range cfg.VarFiles {
		c.VarFiles = append(c.VarFiles, VarFile(f))
	}
	c.SHA256 = c.digest()
	return c
}

func fileOf(f config.File) File {
	out := File{Path: f.Path, SHA256: f.SHA256, Text: f.Text}
	if shown := digestOf(f.Text); shown != f.SHA256 {
		out.Shown = shown
	}
	return out
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// intact reports whether the text of a file is the one of its digest.
func (f *File) intact() error {
	if f != nil && digestOf(f.Text) != cmp.Or(f.Shown, f.SHA256) {
		return errors.New(f.Path + " is not the file of its digest")
	}
	return nil
}

// digest is Config.SHA256.
func (c *Config) digest() string {
	h := sha256.New()
	for i := range c.Files {
		f := &c.Files[i]
		hashLine(h, f.SHA256, f.Path, f.Shown)
	}
	for _, f := range c.VarFiles {
		hashLine(h, f.SHA256, f.Path)
	}
	for i := range c.Asked {
		hashLine(h, c.Asked[i])
	}
	for i := range c.Nonsensitive {
		hashLine(h, c.Nonsensitive[i])
	}
	for i := range c.Values {
		hashLine(h, c.Values[i])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// hashLine hashes values so that no two lists of them are alike.
func hashLine(h hash.Hash, values ...any) {
	line, err := json.Marshal(values)
	if err != nil {
		panic("plan: " + err.Error()) // strings and what is made of them
	}
	h.Write(append(line, '\n'))
}

// origin is what a plan of these clusters is made from. What was to be waived and had
// no need of it has left no trace in the plan.
func origin(in Input, clusters []Cluster, waivers []Waiver) *Origin {
	o := &Origin{
		Clusters: make([]Seen, len(clusters)), Commands: in.Commands,
		Request: Request{Author: in.Author, Change: in.Change, NotAfter: in.NotAfter, Way: in.Way},
	}
	for _, w := range waivers {
		o.Request.Waivers = append(o.Request.Waivers, Waiver{Because: w.Because, Name: w.Name})
	}
	if in.Recorded != nil {
		o.Request.State = StateRef{in.Recorded.Lineage, in.Recorded.Serial}
	}
	for i := range clusters {
		o.Clusters[i] = seenOf(in, clusters[i].Name)
	}
	return o
}

func seenOf(in Input, cluster string) Seen {
	s := Seen{Name: cluster, Nodes: make([]SeenNode, len(in.Observed[cluster]))}
	for i, n := range in.Observed[cluster] {
		s.Nodes[i] = SeenNode{Facts: n.Facts, HostKey: n.HostKey, Name: n.Name}
	}
	if farms, tried := in.Farms[cluster]; tried {
		s.Farms = farms
		if farms == nil {
			s.Farms = []Farm{}
		}
	}
	if image := in.Images[cluster]; image != nil {
		s.Image = &SeenImage{SHA256: image.SHA256, Size: image.Size}
		if image.Err != nil {
			s.Image.Error = image.Err.Error()
		}
	}
	if in.Recorded != nil && in.Recorded.Clusters[cluster] != nil {
		known := in.Recorded.Cluster(cluster)
		s.Recorded = &known
	}
	return s
}

// input is what Build made the plan from, given its configuration, which was read
// again, and the products.
func (p *Plan) input(cfg *config.Config, providers map[string]Provider) Input {
	r := &p.CreatedFrom.Request
	in := Input{
		Author: r.Author, Change: r.Change, Commit: p.Commit, NotAfter: r.NotAfter, Way: r.Way,
		Waivers: r.Waivers, Commands: p.CreatedFrom.Commands, Config: cfg, Providers: providers, Version: p.ZupVersion,
		Images: map[string]*Image{}, Observed: Observed{},
	}
	if r.State != (StateRef{}) {
		in.Recorded = &state.State{Lineage: r.State.Lineage, Serial: r.State.Serial, Clusters: map[string]*state.Cluster{}}
	}
	names := make([]string, 0, len(p.CreatedFrom.Clusters))
	for i := range p.CreatedFrom.Clusters {
		s := &p.CreatedFrom.Clusters[i]
		names = append(names, s.Name)
		s.into(&in)
	}
	if len(names) < len(cfg.Clusters) {
		in.Clusters = names
	}
	return in
}

func (s *Seen) into(in *Input) {
	if s.Farms != nil {
		if in.Farms == nil {
			in.Farms = map[string][]Farm{}
		}
		in.Farms[s.Name] = s.Farms
	}
	if s.Image != nil {
		image := &Image{SHA256: s.Image.SHA256, Size: s.Image.Size}
		if s.Image.Error != "" {
			image.Err = errors.New(s.Image.Error)
		}
		in.Images[s.Name] = image
	}
	if s.Recorded != nil && in.Recorded != nil {
		in.Recorded.Clusters[s.Name] = s.Recorded
	}
	nodes := make([]ObservedNode, len(s.Nodes))
	for i, n := range s.Nodes {
		nodes[i] = ObservedNode{Facts: n.Facts, HostKey: n.HostKey, Name: n.Name}
	}
	in.Observed[s.Name] = nodes
}
