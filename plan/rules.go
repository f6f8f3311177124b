package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"zup/plan/name"
)

// rules is what holds for every plan that zup makes or reads, whatever the
// product. Each returns a sentence about the first action that breaks it, or "".
var rules = []struct {
	name  string
	check func(*checked) string
}{
	{"known clusters and nodes", knownNodes},
	{"order", ordered},
	{"well-formed actions", wellFormed},
	{"temporary changes end", temporaryChangesEnd},
	{"one node out at a time", oneOutAtATime},
	{"somebody serves", somebodyServes},
	{"a product has words", worded},
	{"approvals can be counted", approvable},
	{"windows can be reckoned", calendarKnown},
	{"names are names", wellNamed},
	{"farms are users' addresses", farmsOfUsers},
}

// Validate checks the plan against every rule and returns the first broken one.
func (p *Plan) Validate() error {
	c := newChecked(p)
	for _, r := range rules {
		if broken := r.check(c); broken != "" {
			return fmt.Errorf("rule %q: %s", r.name, broken)
		}
	}
	return nil
}

// checked is a plan with the lookups that the rules share.
type checked struct {
	plan     *Plan
	index    map[string]int      // action ID → place in Actions
	clusters map[string]*Cluster // by name
	branch   map[string][]int    // cluster name → its actions, in order
	compiled map[string]error    // patterns seen so far
}

func newChecked(p *Plan) *checked {
	c := &checked{
		plan:     p,
		index:    make(map[string]int, len(p.Actions)),
		clusters: make(map[string]*Cluster, len(p.Clusters)),
		branch:   make(map[string][]int, len(p.Clusters)),
		compiled: map[string]error{},
	}
	for i := range p.Clusters {
		c.clusters[p.Clusters[i].Name] = &p.Clusters[i]
	}
	for i := range p.Actions {
		name := p.Actions[i].Cluster
		c.branch[name] = append(c.branch[name], i)
	}
	return c
}

func knownNodes(c *checked) string {
	if len(c.clusters) != len(c.plan.Clusters) {
		return "two clusters have the same name"
	}
	for i := range c.plan.Clusters {
		cl := &c.plan.Clusters[i]
		if product := c.plan.Product(cl.Provider); product == nil || product.Facts == "" {
			return fmt.Sprintf("cluster %q is of product %q, whose facts script is missing", cl.Name, cl.Provider)
		}
	}
	for i := range c.plan.Clusters {
		cl := &c.plan.Clusters[i]
		for k := range cl.Nodes {
			for _, cond := range cl.Nodes[k].Serves {
				if problem := cond.shape(); problem != "" {
					return fmt.Sprintf("what proves that %q serves: %s", cl.Nodes[k].Name, problem)
				}
				if cond.Node != cl.Nodes[k].Name || cond.SameAs != "" || cond.Covers != "" {
					return fmt.Sprintf("node %q of cluster %q is said to serve by a fact of %q", cl.Nodes[k].Name, cl.Name, cond.Node)
				}
			}
		}
		if !slices.Contains([]Way{Forward, Back, Rest}, cl.Way) {
			return fmt.Sprintf("cluster %q goes the unknown way %q", cl.Name, cl.Way)
		}
		if cl.MasterNow != "" && cl.Node(cl.MasterNow) == nil {
			return fmt.Sprintf("cluster %q has no node %q to be MASTER", cl.Name, cl.MasterNow)
		}
	}
	for i := range c.plan.Actions {
		a := &c.plan.Actions[i]
		cl := c.clusters[a.Cluster]
		if cl == nil {
			return fmt.Sprintf("action %q is for cluster %q, which is not in the plan", a.ID, a.Cluster)
		}
		for node := range a.nodes {
			if cl.Node(node) == nil {
				return fmt.Sprintf("action %q names node %q, which cluster %q does not have", a.ID, node, cl.Name)
			}
		}
	}
	return ""
}

// nodes yields every node that an action names, some of them several times.
func (a *Action) nodes(yield func(string) bool) {
	if a.Node != "" && !yield(a.Node) {
		return
	}
	for i := range a.Back {
		if !yield(a.Back[i].Node) {
			return
		}
		for k := range a.Back[i].Before {
			if !yield(a.Back[i].Before[k].Node) {
				return
			}
		}
	}
	for cond := range a.conditions {
		if !yield(cond.Node) {
			return
		}
		for _, ref := range [2]string{cond.SameAs, cond.Covers} {
			if ref != "" && ref != Recorded && !yield(ref) {
				return
			}
		}
	}
	for _, facts := range [2][]Fact{a.Record, a.Before} {
		for i := range facts {
			if !yield(facts[i].Node) {
				return
			}
		}
	}
	for i := range a.Mentions {
		if !yield(a.Mentions[i].Node) {
			return
		}
	}
	for _, changes := range [2][]string{a.Opens, a.Closes} {
		for _, change := range changes {
			if node, _, _ := strings.Cut(change, "/"); !yield(node) {
				return
			}
		}
	}
}

// conditions yields every condition of an action.
func (a *Action) conditions(yield func(*Condition) bool) {
	for _, list := range [4][]Condition{a.Check, a.Requires, a.UndoCheck, a.Until} {
		for i := range list {
			if !yield(&list[i]) {
				return
			}
		}
	}
	for i := range a.Back {
		for _, list := range [2][]Condition{a.Back[i].Check, a.Back[i].Unless} {
			for k := range list {
				if !yield(&list[k]) {
					return
				}
			}
		}
	}
}

// ordered fills index on the way: what is there was seen before.
func ordered(c *checked) string {
	for i := range c.plan.Actions {
		a := &c.plan.Actions[i]
		if _, dup := c.index[a.ID]; dup || a.ID == "" {
			return fmt.Sprintf("action ID %q is there twice or empty", a.ID)
		}
		for _, id := range a.After {
			j, ok := c.index[id]
			if !ok {
				return fmt.Sprintf("action %q comes after %q, which does not stand before it", a.ID, id)
			}
			if c.plan.Actions[j].Cluster != a.Cluster {
				return fmt.Sprintf("action %q comes after %q of another cluster", a.ID, id)
			}
		}
		c.index[a.ID] = i
	}
	return ""
}

func wellFormed(c *checked) string {
	for i := range c.plan.Actions {
		if problem := c.shape(&c.plan.Actions[i]); problem != "" {
			return fmt.Sprintf("action %q: %s", c.plan.Actions[i].ID, problem)
		}
	}
	return ""
}

func (c *checked) shape(a *Action) string {
	switch a.Primitive {
	case Script:
		switch {
		case a.Script == "" || a.Node == "":
			return "a script needs a script and a node"
		case len(a.Check) == 0:
			return "a script needs a check that proves it done"
		case len(a.Until) > 0:
			return "a script has a check, not conditions to wait for"
		case (a.Undo == "") != (len(a.UndoCheck) == 0):
			return "an undo needs a check that proves it done"
		}
	case Wait, Gate:
		if a.Script != "" || a.Undo != "" || len(a.Until) == 0 || len(a.Opens) > 0 || a.Detached {
			return fmt.Sprintf("a %s has conditions and changes nothing", a.Primitive)
		}
	case Upload:
		if problem := a.transferShape(); problem != "" {
			return problem
		}
	case Local:
		if problem := a.localShape(); problem != "" {
			return problem
		}
	default:
		return fmt.Sprintf("primitive %q is not known", a.Primitive)
	}
	for i := range a.Back {
		if s := &a.Back[i]; s.Script == "" || s.Node == "" || len(s.Check) == 0 || s.CheckS <= 0 {
			return "a step back needs a script, a node, and a check with a limit"
		}
	}
	switch {
	case (a.AnswersMS > 0) != (len(a.Back) > 0) || a.AnswersMS < 0 || a.AnswersMS > 0 && a.Primitive != Script:
		return "probes that must answer and steps back belong together, and to a script"
	case a.Undo != "" && len(a.Back) > 0:
		return "there is an undo besides the steps back"
	case a.Upload != nil && a.Primitive != Upload:
		return fmt.Sprintf("a %s sends no file", a.Primitive)
	case a.Primitive != Local && a.isLocal():
		return "only a local action has a command, a proof and a snapshot"
	case a.TimeoutS <= 0:
		return "no time limit"
	case a.EstimateS < 0 || a.CheckS < 0:
		return "a negative duration"
	case !slices.Contains([]Impact{None, Switchover, Outage}, a.Impact):
		return fmt.Sprintf("impact %q is not known", a.Impact)
	case !slices.Contains([]Lasting{"", LastingVersion, LastingBoot}, a.Lasting):
		return fmt.Sprintf("%q is not known to last", a.Lasting)
	case a.Lasting != "" && a.Node == "":
		return "something of a node lasts, and there is no node"
	}
	for cond := range a.conditions {
		if problem := cond.shape(); problem != "" {
			return problem
		}
	}
	for _, p := range a.Prompts {
		if err := c.compile(p.Match); err != nil || p.Max < 1 || strings.ContainsAny(p.Answer, "\r\n") {
			return fmt.Sprintf("prompt %q is malformed", p.Name)
		}
	}
	for _, f := range slices.Concat(a.Forbid, a.Judged) {
		if err := c.compile(f); err != nil {
			return fmt.Sprintf("pattern %q: %v", f, err)
		}
	}
	return ""
}

func (c *checked) compile(pattern string) error {
	err, seen := c.compiled[pattern]
	if !seen {
		_, err = regexp.Compile(pattern)
		c.compiled[pattern] = err
	}
	return err
}

func (cond *Condition) shape() string {
	if cond.Node == "" || !cond.saysOneThing() {
		return fmt.Sprintf("the condition on %q of %q does not say exactly one thing", cond.Fact, cond.Node)
	}
	if !name.Fact(cond.Fact) {
		return misnamed("a fact", cond.Fact)
	}
	return ""
}

// saysOneThing reports whether a condition compares a fact, in one way.
func (cond *Condition) saysOneThing() bool {
	set := 0
	for _, is := range []bool{cond.Covers != "", len(cond.Is) > 0, len(cond.Not) > 0, cond.SameAs != "", len(cond.Within) > 0} {
		if is {
			set++
		}
	}
	return set == 1 && cond.Fact != ""
}

// temporaryChangesEnd: what a plan opens it closes, in a later action.
func temporaryChangesEnd(c *checked) string {
	for _, branch := range c.branch {
		open := map[string]string{} // change → action
		for _, i := range branch {
			a := &c.plan.Actions[i]
			for _, name := range a.Closes {
				delete(open, name)
			}
			for _, name := range a.Opens {
				open[name] = a.ID
			}
		}
		for change, id := range open {
			return fmt.Sprintf("action %q opens %q, and no later action closes it", id, change)
		}
	}
	return ""
}

// oneOutAtATime: two actions that each take another node out are in order.
func oneOutAtATime(c *checked) string {
	for _, branch := range c.branch {
		var out []int
		for _, i := range branch {
			if c.plan.Actions[i].Out {
				out = append(out, i)
			}
		}
		for k, j := range out {
			for _, i := range out[:k] {
				a, b := &c.plan.Actions[i], &c.plan.Actions[j]
				if a.Node != b.Node && !c.before(i, j) {
					return fmt.Sprintf("%q and %q can run at the same time, and both nodes would be out", a.ID, b.ID)
				}
			}
		}
	}
	return ""
}

// before reports whether action i is done before action j starts.
func (c *checked) before(i, j int) bool {
	seen := map[int]bool{}
	queue := []int{j}
	for len(queue) > 0 {
		k := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, id := range c.plan.Actions[k].After {
			prev := c.index[id]
			if prev == i {
				return true
			}
			if prev > i && !seen[prev] {
				seen[prev] = true
				queue = append(queue, prev)
			}
		}
	}
	return false
}

// somebodyServes: an action that takes a node out of a pair requires of another node of it
// exactly what proves that it serves, read right before. Where the action itself moves
// MASTER the node that goes out is the one that proves it; of another one it requires what
// lets it take over, which is the product's to know.
func somebodyServes(c *checked) string {
	for i := range c.plan.Actions {
		a := &c.plan.Actions[i]
		cl := c.clusters[a.Cluster]
		if !a.Out || len(cl.Nodes) < 2 {
			continue
		}
		proven := func(n Node) bool {
			return (n.Name == a.Node) == (a.Impact == Switchover) && len(n.Serves) > 0 && requiresAll(a.Requires, n.Serves)
		}
		other := func(cond Condition) bool { return cond.Node != a.Node }
		switch {
		case !slices.ContainsFunc(a.Requires, other):
			return fmt.Sprintf("action %q takes %q out and requires nothing of the other node", a.ID, a.Node)
		case slices.ContainsFunc(cl.Nodes, proven):
		case a.Impact == Switchover:
			return fmt.Sprintf("action %q moves MASTER from %q and does not require what proves that it serves", a.ID, a.Node)
		default:
			return fmt.Sprintf("action %q takes %q out and does not require what proves that another node serves", a.ID, a.Node)
		}
	}
	return ""
}

// requiresAll reports whether every one of the wanted conditions is among those that are
// required, word for word.
func requiresAll(required, wanted []Condition) bool {
	for i := range wanted {
		if !slices.ContainsFunc(required, wanted[i].same) {
			return false
		}
	}
	return true
}

func (cond *Condition) same(other Condition) bool {
	return cond.Node == other.Node && cond.Fact == other.Fact && cond.Covers == other.Covers && cond.SameAs == other.SameAs &&
		slices.Equal(cond.Is, other.Is) && slices.Equal(cond.Not, other.Not) && slices.Equal(cond.Within, other.Within)
}
