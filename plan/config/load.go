package config

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/sync/semaphore"

	"zup/plan/product"
)

// Options is everything from outside the directory that a configuration may
// depend on. The zero value depends on nothing.
type Options struct {
	// Vars are the -var and -var-file flags in the order of the command line;
	// a later one wins.
	Vars []VarArg

	// Env is the environment as os.Environ gives it. ZUP_VAR_name is the value
	// of the variable called name; nothing else in it is looked at.
	Env []string

	// Version is zup's own version, for required_version. Empty or not a
	// version, as in a build from a working tree: any requirement is met.
	Version string

	// Plan is the type of what a rule's condition calls plan, an object. The zero
	// value: what a plan has is not checked.
	Plan cty.Type

	// Products are what a cluster may be of, by its first label, sorted by name. Empty: of
	// anything, with no argument that a product would have to declare.
	Products []product.Declaration
}

// VarArg is one -var or -var-file flag: File, or else Name and Value.
type VarArg struct {
	File        string // relative to the working directory; read as JSON if it ends in ".json"
	Name, Value string
}

// Load reads the configuration in a directory: every *.zup.hcl and *.zup.json
// file, and the values in its *.zup.vars and *.zup.vars.json files. It reads no
// other file of the directory unless an expression asks for it, and never one
// outside it but those of Options.Vars.
//
// The Config is nil exactly if the Diagnostics have an error. They are never
// nil and may hold warnings in either case.
func Load(dir string, opts Options) (*Config, *Diagnostics) {
	l := newLoader(opts)
	return l.watched(func() *Config { return l.load(dir) })
}

func newLoader(opts Options) *loader {
	l := &loader{opts: opts, collector: newCollector(), budget: &budget{}, usedSecrets: map[string]bool{}}
	l.layouts = layoutsWith(opts.Products)
	return l
}

// loader carries what the steps of one Load hand to each other.
type loader struct {
	*collector
	*budget
	opts     Options
	dir      *directory
	answers  *answers
	callable *table                       // what expressions can call …
	forRules *table                       // … and what conditions of rules can
	fromJSON map[hcl.Expression]*jsonExpr // see expression
	settled  atomic.Pointer[map[string]*source]

	files    []*file // configuration files
	varFiles []*file // in the order of precedence, lowest first

	// A file did not parse, so what seems to be missing may stand in the part
	// that nobody could read. Complaints about it would be wrong.
	incomplete   bool // of the configuration files
	unreadValues bool // of the variable files

	blocks     topLevel
	variables  map[string]*variable
	declared   []*variable // the same in their order
	refused    bool        // a validation block did not let one of them pass
	locals     map[string]*local
	localOrder []string

	secrets          map[string]*Secret
	inOrderOfSecrets []*Secret
	usedSecrets      map[string]bool

	namesOfVariables, namesOfLocals []string // see variableNames, localNames

	scope      *hcl.EvalContext // what cluster blocks see
	inRule     bool             // an expression may refer to the plan
	policyOnly bool             // see Policy
	replayed   *replayed        // nil: files are read; see Reload
	inBlocks   bool             // blocks that are part of the Config are being read
	inPolicy   bool             // blocks that demand something of every plan are being read
}

// topLevel holds the blocks of all files by type, in order of file and place.
type topLevel struct {
	zup, variable, locals, cluster hcl.Blocks
	approval                       hcl.Blocks
	window, freeze, rule, secret   hcl.Blocks
}

func (l *loader) load(dir string) *Config {
	d, err := openDirectory(dir)
	if err != nil {
		l.errorf(nil, fmt.Sprintf("cannot read the configuration in %q", dir), "%s", sentence(err.Error()))
		return nil
	}
	defer d.close()
	l.dir = d
	cfg := l.read()
	if cfg != nil {
		cfg.Dir = dir
	}
	return cfg
}

// read reads everything in the loader's directory.
func (l *loader) read() *Config {
	l.answers = &answers{budget: l.budget, dir: l.dir}
	l.callable = newTable(l.answers, "")
	l.readFiles()
	l.sortBlocks()
	if !l.checkRequiredVersion() {
		return nil
	}
	l.declareSecrets()
	l.declareVariables()
	l.declareLocals()
	if l.replayed != nil {
		l.replayed.assign(l)
	} else {
		l.assignVariables()
	}
	l.settle()
	l.validateVariables()
	l.evaluateLocals()
	l.inBlocks = true
	var clusters []*Cluster
	if !l.policyOnly {
		clusters = l.readClusters()
		l.checkSecrets()
	}
	cfg := l.readPolicy()
	if len(clusters) == 0 && len(l.files) > 0 && !l.policyOnly && !l.incomplete && !l.hasErrors() {
		l.warnf(nil, "no cluster is declared", `There is nothing to plan. A cluster block says what to update: cluster %q "edge" { … }`, l.anyProvider())
	}
	cfg.Secrets, cfg.Clusters, cfg.Asked, cfg.Values = l.inOrderOfSecrets, clusters, l.dir.told(), l.finalValues()
	cfg.Files, cfg.VarFiles, cfg.Read = l.shownFiles(), l.listVarFiles(), l.dir.alsoRead()
	cfg.Exists, cfg.Listed = l.dir.learnt()
	cfg.Nonsensitive = l.dir.nonsensitive(l.textOf)
	l.showConditions(cfg.Rules)
	return cfg
}

// readFiles reads and parses all files of the directory and those of -var-file.
func (l *loader) readFiles() {
	names, err := l.names()
	if err != nil {
		l.errorf(nil, fmt.Sprintf("cannot read the configuration in %q", l.dir.path), "%s", sentence(err.Error()))
		return
	}
	for _, name := range names {
		switch {
		case isConfiguration(name):
			l.files = append(l.files, newFile(name))
		case strings.HasSuffix(name, ".zup.vars"), strings.HasSuffix(name, ".zup.vars.json"):
			l.varFiles = append(l.varFiles, newFile(name))
		}
	}
	l.readAll(slices.Concat(l.files, l.varFiles), l.readOwn)
	l.files = slices.DeleteFunc(l.files, (*file).isDirectory)
	l.varFiles = slices.DeleteFunc(l.varFiles, (*file).isDirectory)
	if len(l.files) == 0 {
		l.errorf(nil, fmt.Sprintf("no configuration in %q", l.dir.path), "There is no *.zup.hcl file here. zup init writes a commented one to start from.")
	}
	given := l.varFileArgs()
	l.readAll(given, readOutside)
	l.varFiles = append(l.varFiles, given...)
	for _, f := range slices.Concat(l.files, l.varFiles) {
		l.sources[f.name] = f.source
	}
	for _, f := range l.files {
		l.addFaults(f)
		l.incomplete = l.incomplete || f.incomplete
	}
}

// names lists the files that may be part of the configuration.
func (l *loader) names() ([]string, error) {
	if l.replayed == nil {
		return l.dir.list()
	}
	names := make([]string, len(l.replayed.files))
	for i, f := range l.replayed.files {
		names[i] = f.Path
	}
	return names, nil
}

// readOwn reads a file of the configuration itself.
func (l *loader) readOwn(name string) ([]byte, error) {
	if l.replayed == nil {
		return l.dir.readOwn(name)
	}
	return l.replayed.text(name)
}

// readAll reads and parses files, as many at a time as there are processors. What is
// too much is found out before anything of it is parsed.
func (l *loader) readAll(files []*file, get func(path string) ([]byte, error)) {
	var total atomic.Int64
	eachFile(files, func(f *file) {
		if total.Load() <= MaxMemory { // otherwise it will be too much in any case
			f.read(get)
			total.Add(int64(len(f.text)))
		}
	})
	for _, f := range files {
		l.sources[f.name] = f.source
		l.now.Store(&hcl.Range{Filename: f.name, Start: hcl.InitialPos, End: hcl.InitialPos})
		l.makes(float64(len(f.text)))
		f.size(l.budget)
	}
	l.now.Store(nil)
	room := semaphore.NewWeighted(maxWords)
	eachFile(files, func(f *file) {
		words := int64(min(f.largest(), maxWords))
		room.Acquire(context.Background(), words) //nolint:errcheck // it never ends
		defer room.Release(words)
		f.parse()
	})
}

// varFileArgs returns a file for every -var-file. One that has the path of a
// file of the directory without being meant as that gets another name, for a
// diagnostic finds its text by name.
func (l *loader) varFileArgs() []*file {
	taken := map[string]bool{}
	for _, f := range slices.Concat(l.files, l.varFiles) {
		taken[f.name] = true
	}
	var out []*file
	for _, arg := range l.opts.Vars {
		if arg.File == "" {
			continue
		}
		f := newFile(arg.File)
		for taken[f.name] {
			f.name = "./" + f.name
		}
		taken[f.name] = true
		out = append(out, f)
	}
	return out
}

// eachFile calls do for every file, as many at a time as there are processors.
func eachFile(files []*file, do func(*file)) {
	next := make(chan *file)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(files)) {
		wg.Go(func() {
			for f := range next {
				do(f)
			}
		})
	}
	for _, f := range files {
		next <- f
	}
	close(next)
	wg.Wait()
}

// sortBlocks takes the files apart into their top-level blocks. A part that has
// a syntax error is left out: it has been reported, and everything else that
// could be said of it may be wrong.
func (l *loader) sortBlocks() {
	for _, f := range l.files {
		for _, p := range f.parts {
			if p.faulty {
				f.noteBlocks(p.body)
				continue
			}
			before := len(l.diags)
			content, _ := l.content(p.body, rootLayout)
			if f.json && len(l.diags) > before {
				f.hideAround() // what is a label in the wrong place and what a default, nobody knows
			}
			for _, b := range content.Blocks {
				f.noteBlock(b)
				l.blocks.take(b)
			}
		}
	}
}

func (t *topLevel) take(b *hcl.Block) {
	switch b.Type {
	case "zup":
		t.zup = append(t.zup, b)
	case "variable":
		t.variable = append(t.variable, b)
	case "locals":
		t.locals = append(t.locals, b)
	case "cluster":
		t.cluster = append(t.cluster, b)
	case "approval":
		t.approval = append(t.approval, b)
	case "window":
		t.window = append(t.window, b)
	case "freeze":
		t.freeze = append(t.freeze, b)
	case "rule":
		t.rule = append(t.rule, b)
	case "secret":
		t.secret = append(t.secret, b)
	}
}

// shownFiles must be called after all secrets are known.
func (l *loader) shownFiles() []File {
	out := make([]File, len(l.files))
	for i, f := range l.files {
		f.seal()
		out[i] = File{Path: f.name, SHA256: f.sha256, Text: f.shown(span{0, len(f.text)})}
	}
	return out
}

func (l *loader) listVarFiles() []VarFile {
	out := make([]VarFile, len(l.varFiles))
	for i, f := range l.varFiles {
		out[i] = VarFile{f.name, f.sha256}
	}
	slices.SortFunc(out, func(a, b VarFile) int { return strings.Compare(a.Path, b.Path) })
	return out
}
