// Package plan holds the ordered graph of changes that zup carries out, and
// builds it.
//
// A Plan is data: every script that will run on a node, every prompt with its
// answer, every condition that is waited for and every way back is in it, word
// for word. Build makes one from a configuration, what the nodes said just now
// and what the state file says from last time; it has no clock, no network and
// no files, and the same input gives the same bytes. Decode reads one back and
// refuses what was altered. What is in a plan is carried out by package apply,
// which knows no product.
package plan

import (
	"time"

	"zup/plan/config"
	"zup/plan/state"
)

// FormatVersion is the version of the plan file that this zup writes and the
// only one that it reads. docs/plan-format.md has the policy.
const FormatVersion = 2

// What a plan's Commit says besides the commit.
const (
	CommitUnknown = "unknown" // instead of it: there is a repository, and its commit could not be read
	CommitChanged = "+"       // behind it: a file of the configuration is not as it is there
	CommitDoubt   = "?"       // behind it: whether they are could not be found out
)

// Plan is one plan file. Its JSON keys are sorted because the fields of every
// struct here are declared in the order of their JSON names; a test holds that.
type Plan struct {
	Actions       []Action  `json:"actions"`                  // in an order in which they can be carried out
	Approval      *Approval `json:"approval,omitempty"`       // who has to sign before it may be applied; none: nobody
	Author        string    `json:"author,omitempty"`         // who planned it
	Change        string    `json:"change,omitempty"`         // number of the change request
	Clusters      []Cluster `json:"clusters"`                 // sorted by name
	Commit        string    `json:"commit,omitempty"`         // of the configuration's repository; "+" behind it: with changes that are not committed; "?": whether there are is not known; "unknown": which one is not known; not part of the ID
	Config        Config    `json:"config"`                   // the text that was planned
	Created       string    `json:"created"`                  // RFC 3339, UTC; not part of the ID
	CreatedFrom   *Origin   `json:"created_from,omitempty"`   // what it was made from besides the configuration; on the line of Created, and not part of the ID
	CreatedSHA256 string    `json:"created_sha256,omitempty"` // of CreatedFrom as it stands in the file, hex; on the same line. Encode computes it; it is set only if it came from a file and is wrong
	FormatVersion int       `json:"format_version"`           // see FormatVersion
	Freezes       []Freeze  `json:"freezes,omitempty"`        // when it may not be applied, windows or not
	NotAfter      string    `json:"not_after"`                // RFC 3339, UTC; empty: does not expire
	PlanID        string    `json:"plan_id"`                  // SHA-256 of the canonical bytes without the lines of Commit, Created and PlanID, hex
	Products      []Product `json:"products"`                 // sorted by name
	Rules         []Rule    `json:"rules,omitempty"`          // rules of the house, in the order of the configuration
	State         StateRef  `json:"state"`                    // the recorded state that it was made from
	Waivers       []Waiver  `json:"waivers,omitempty"`        // what was waived when it was made, sorted by name
	Windows       []Window  `json:"windows,omitempty"`        // when it may be applied; none: any time
	ZupVersion    string    `json:"zup_version"`
}

// Approval says whose signatures a plan needs. Signers is part of what is signed,
// so that nobody can add a signer after the fact.
type Approval struct {
	AuthorMayApprove bool  `json:"author_may_approve"` // whoever made the plan counts too
	Required         int   `json:"required"`           // how many different people
	Revoked          *File `json:"revoked,omitempty"`  // public keys that do not count, one a line
	Signers          File  `json:"signers"`            // allowed signers, in the format of ssh-keygen -Y
}

// Window is a stretch of time that comes again, in which a plan may be applied.
type Window struct {
	Days      []string `json:"days"`       // "mon" to "sun", on which it begins
	DurationS int64    `json:"duration_s"` // seconds, on the clock that never jumps
	Name      string   `json:"name"`
	Start     string   `json:"start"`    // "22:00", wall clock in Timezone
	Timezone  string   `json:"timezone"` // IANA name
}

// Freeze is a stretch of time in which no plan may be applied.
type Freeze struct {
	From     string `json:"from"` // RFC 3339, UTC; the first moment of it
	Name     string `json:"name"`
	Timezone string `json:"timezone"` // IANA name, to show it in
	To       string `json:"to"`       // RFC 3339, UTC; the first moment after it
}

// Rule is a rule of the house and what became of it in this plan. Condition is the
// text of the configuration.
type Rule struct {
	Condition string `json:"condition"`
	Detail    string `json:"detail,omitempty"` // where it could not be evaluated: why
	Level     string `json:"level"`            // "deny" or "warn"
	Message   string `json:"message"`
	Name      string `json:"name"`
	Status    Status `json:"status"`
}

// Waiver is a rule, a check, the windows or a freeze that is not heeded on purpose.
type Waiver struct {
	Because string `json:"because"`
	Name    string `json:"name"` // of the rule, ID of the check, "windows", or "freeze:" and a name
	What    string `json:"what"` // what is not heeded, in a sentence
}

// Config is the configuration that was planned, with everything that is needed to read
// it again. Later edits of the files change nothing about the plan.
type Config struct {
	Asked        []config.Question `json:"asked,omitempty"`        // what expressions asked the directory, and the answers
	Files        []File            `json:"files"`                  // sorted by path
	Nonsensitive []config.Value    `json:"nonsensitive,omitempty"` // what it declares not to be sensitive although it is made from something that is, by expression and call
	SHA256       string            `json:"sha256"`                 // over everything else here, in order
	Values       []config.Value    `json:"values,omitempty"`       // of the variables that are not sensitive, by name
	VarFiles     []VarFile         `json:"var_files,omitempty"`    // that gave values to variables, sorted by path
}

// File is one configuration file. Text is what may be shown: where something sensitive
// stood there is a placeholder, SHA256 is still that of the file, and Shown is that of
// the text.
type File struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Shown  string `json:"shown,omitempty"` // left out: Text is the file
	Text   string `json:"text"`
}

// VarFile is a file that gave values to variables. Its text is nowhere kept.
type VarFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// Origin is what a plan was made from, besides its configuration: what was asked for,
// and what the nodes and the state file said. From that, whoever has the same zup makes
// the plan again: see Prove.
type Origin struct {
	Clusters []Seen        `json:"clusters"`           // in the order of Plan.Clusters
	Commands []CommandFile `json:"commands,omitempty"` // what was found of the files that local commands name, sorted by path
	Request  Request       `json:"request"`
}

// Request is what somebody asked for who had a plan made.
type Request struct {
	Author   string   `json:"author,omitempty"`
	Change   string   `json:"change,omitempty"`
	NotAfter string   `json:"not_after,omitempty"`
	State    StateRef `json:"state"`
	Waivers  []Waiver `json:"waivers,omitempty"` // those of the plan, without What
	Way      Way      `json:"way"`
}

// Seen is what was known of one cluster when the plan was made.
type Seen struct {
	Farms    []Farm         `json:"farms,omitzero"`     // that were tried; left out: none was to be tried
	Image    *SeenImage     `json:"image,omitempty"`    // of the package block
	Name     string         `json:"name"`               //
	Nodes    []SeenNode     `json:"nodes"`              // in the order of Cluster.Nodes
	Recorded *state.Cluster `json:"recorded,omitempty"` // what the state file had; left out: nothing
}

// SeenNode is what one node said, all of it.
type SeenNode struct {
	Facts   map[string]string `json:"facts"`
	HostKey string            `json:"host_key,omitempty"` // that it showed
	Name    string            `json:"name"`               // as the configuration calls it
}

// Farm is a farm that is up, as a node says, and whether it answered from where zup runs.
type Farm struct {
	Address string `json:"address"`           // as the node says; IP:port, if neither of Foreign and Spared is set
	Answers bool   `json:"answers,omitempty"` //
	Foreign string `json:"foreign,omitempty"` // why it is not an address of users, and was not tried; empty: it is one
	Spared  bool   `json:"spared,omitempty"`  // it was not tried because enough others were
}

// SeenImage is what was found where the image of a package block should be.
type SeenImage struct {
	Error  string `json:"error,omitempty"` // why it could not be read, or is not the configured one
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size,omitempty"` // bytes
}

// StateRef names the recorded state that a plan was made from. A plan made
// without a state file has neither.
type StateRef struct {
	Lineage string `json:"lineage"`
	Serial  int64  `json:"serial"`
}

// Product is what has to be known of a product by whoever knows none: how its facts are
// read, and what they mean in words.
type Product struct {
	Facts       string `json:"facts"`            // POSIX sh: with names of facts as arguments it prints a line name=value for each, then "end"; it changes nothing
	Name        string `json:"name"`             //
	Status      []Word `json:"status,omitempty"` // what facts mean; those with Says tell in this order how a node is
	VersionFact string `json:"version_fact"`     // the fact that is the version which a node runs
}

// Word says in a product's own words what a fact of a node is about.
type Word struct {
	Fact  string      `json:"fact"`
	Means string      `json:"means,omitempty"` // what the fact is, where its name alone does not tell
	Says  string      `json:"says,omitempty"`  // what is said of a node for which all of When holds; {seen} in it is the fact
	When  []Condition `json:"when,omitempty"`  // of the node in question: they name none, and compare with values only
}

// Cluster is one pair, as it is when the plan is made and as it shall be.
type Cluster struct {
	Asked             []string     `json:"asked,omitempty"` // words that the facts script gets behind the names of facts, whoever asks
	Checks            []Check      `json:"checks"`
	From              string       `json:"from"` // the lowest version that a node runs
	Interruption      Interruption `json:"interruption"`
	Master            string       `json:"master"`               // who is MASTER when apply ends
	MasterNow         string       `json:"master_now,omitempty"` // who is MASTER when the plan is made; left out: nobody, or nobody knows
	MaxInterruptionMS int64        `json:"max_interruption_ms"`  // 0: no limit
	Name              string       `json:"name"`
	Nodes             []Node       `json:"nodes"`
	Probes            []Probe      `json:"probes"`
	Provider          string       `json:"provider"`
	To                string       `json:"to"`
	Warnings          []string     `json:"warnings"`
	Way               Way          `json:"way"` // "forward"; "back" to snapshots: To is their version; to "rest" without updating further: To is what the nodes run
}

// Way is where a plan leads.
type Way string

// The ways.
const (
	Forward Way = "forward" // to the version of the configuration
	Back    Way = "back"    // to the snapshots that the last run has taken
	Rest    Way = "rest"    // to where nothing temporary is left, without updating any further
)

// Interruption is what users of the VIPs are predicted to feel. It is a
// prediction, and Why says from what; what was measured stands in the report.
type Interruption struct {
	Outages            int    `json:"outages,omitempty"` // how often nobody serves, for up to PerSwitchoverMSMax
	PerSwitchoverMSMax int64  `json:"per_switchover_ms_max"`
	Switchovers        int    `json:"switchovers"`
	Why                string `json:"why"`
}

// Node is a node of a cluster: how to reach it and the facts that the plan
// rests on. Fingerprint is the digest of Facts; a plan whose nodes have others
// by now is stale.
type Node struct {
	Address     string            `json:"address"`
	Facts       map[string]string `json:"facts"`
	Fingerprint string            `json:"fingerprint"`
	HostKey     string            `json:"host_key"` // the key that the node showed when the plan was made, authorized_keys form
	Name        string            `json:"name"`
	Role        string            `json:"role"`             // in the product's words
	Serves      []Condition       `json:"serves,omitempty"` // what proves that it is MASTER and serves; left out for a single node, of which nobody else takes the role
	SSH         SSH               `json:"ssh"`
	Version     string            `json:"version"`
}

// SSH is how the configuration wants a node to be reached; what is empty is
// left to ~/.ssh/config and the agent of whoever applies.
type SSH struct {
	Become       string            `json:"become,omitempty"` // how a user other than root becomes root: sudo, sudo-password or doas; "": sudo
	IdentityFile string            `json:"identity_file,omitempty"`
	Jump         []string          `json:"jump,omitempty"`
	JumpHostKeys map[string]string `json:"jump_host_keys,omitempty"` // by HOST or HOST:PORT, authorized_keys form
	Port         int               `json:"port,omitempty"`
	User         string            `json:"user,omitempty"`
}

// Probe watches one VIP from where zup runs. Exactly one of HTTP and TCP is set.
type Probe struct {
	Found      bool   `json:"found,omitempty"` // a farm that was found up; no configuration asks for it
	HTTP       string `json:"http,omitempty"`
	IntervalMS int64  `json:"interval_ms"`
	Name       string `json:"name"`
	TCP        string `json:"tcp,omitempty"`
	TimeoutMS  int64  `json:"timeout_ms"`
}

// Status is the result of a check. Only Passed counts as passed.
type Status string

// The four results of a check.
const (
	Passed  Status = "passed"  // looked, and it is as it must be
	Failed  Status = "failed"  // looked, and it is not
	Error   Status = "error"   // could not look
	Skipped Status = "skipped" // did not look, and Detail says why
)

// Check is one thing that was looked at before the plan was made. The detail of
// a passed check holds nothing that changes from minute to minute.
type Check struct {
	Detail string `json:"detail"`
	ID     string `json:"id"` // cluster.node.name, or cluster.name
	Status Status `json:"status"`
}

// Impact is what an action does to the users of the VIPs.
type Impact string

// The impacts, from harmless to not.
const (
	None       Impact = "none"
	Switchover Impact = "switchover" // MASTER moves
	Outage     Impact = "outage"     // nobody serves for a while
)

// Lasting is what an action changes of its node for good, where that is what the plan is
// made for.
type Lasting string

// What lasts.
const (
	LastingVersion Lasting = "version" // it runs another version then, or may
	LastingBoot    Lasting = "boot"    // it is, or may be, started anew
)

// Primitive is one of the few ways in which apply carries out an action.
type Primitive string

// The primitives.
const (
	Script Primitive = "script" // run Action.Script on Action.Node, then Check must hold
	Upload Primitive = "upload" // run Action.Script there, if any, send Action.Upload, then Check must hold
	Wait   Primitive = "wait"   // Until must hold before TimeoutS has passed
	Gate   Primitive = "gate"   // Until must hold now
	Local  Primitive = "local"  // run Action.Argv where zup runs, no shell; then Proof and Check must hold
)

// Action is one step of a plan.
//
// An action goes from pending to running once everything in After is done and
// Requires holds, and ends done, failed or (when it never ran because another
// one failed) skipped:
//
//	pending ──requires hold──► running ──check holds──► done
//	   │                          └──────otherwise────► failed ──► undo, if there is one
//	   └──something before it failed──► skipped
type Action struct {
	After     []string      `json:"after"`                // IDs of the actions that must be done first
	AnswersMS int64         `json:"answers_ms,omitempty"` // once Check holds, every probe that answered before must answer within so many milliseconds
	Argv      []string      `json:"argv,omitempty"`       // command of a local action, for Node, word for word; none: only Proof is asked for
	Back      []Step        `json:"back,omitempty"`       // carried out in order when this very action failed, or AnswersMS has passed without an answer
	Before    []Fact        `json:"before,omitempty"`     // read before it opens anything: what its temporary changes are to bring back
	Check     []Condition   `json:"check,omitempty"`      // proves a script or a command done; waited for up to CheckS
	CheckS    int           `json:"check_s,omitempty"`    // seconds
	Closes    []string      `json:"closes,omitempty"`     // temporary changes, node/name, that are undone once it is done
	Cluster   string        `json:"cluster"`              //
	Detached  bool          `json:"detached,omitempty"`   // the script runs as a job of its own on the node, exactly once
	Drops     string        `json:"drops,omitempty"`      // snapshot of Node that is gone once it is done
	EstimateS int           `json:"estimate_s"`           // seconds, for the reader
	Files     []CommandFile `json:"files,omitempty"`      // of a local action: files that its commands name; those with a digest are compared right before one runs
	Final     bool          `json:"final,omitempty"`      // it proves the whole cluster: if it fails, everything was carried out all the same
	Forbid    []string      `json:"forbid,omitempty"`     // RE2, by line: output that means failure whatever the exit status
	ID        string        `json:"id"`                   // cluster.node.kind
	Impact    Impact        `json:"impact"`               //
	Judged    []string      `json:"judged,omitempty"`     // RE2, by line: output that means failure unless Check holds soon; then it is only told
	Keeps     string        `json:"keeps,omitempty"`      // snapshot of Node that exists once it is done, and is remembered
	Kind      string        `json:"kind"`                 // "update", "block", …; a provider's word
	Lasting   Lasting       `json:"lasting,omitempty"`    // "version", "boot": what it changes of its node for good; left out: nothing
	Leaves    string        `json:"leaves,omitempty"`     // file that it leaves on its node on purpose
	Left      string        `json:"left,omitempty"`       // what the file of Leaves is, for the report
	MayMove   bool          `json:"may_move,omitempty"`   // its node may take the role by itself afterwards
	Mentions  []Mention     `json:"mentions,omitempty"`   // what the report says of the nodes once it is done
	Next      bool          `json:"next,omitempty"`       // the run may not rest after this action: the next one belongs to it
	Node      string        `json:"node"`                 // empty: no single node
	NotMaster bool          `json:"not_master,omitempty"` // what it opens ends by itself when its node becomes MASTER
	Opens     []string      `json:"opens,omitempty"`      // temporary changes, node/name: recorded as open before the script starts
	Out       bool          `json:"out,omitempty"`        // its node can't serve while it runs: another one must, and no other node may be out
	Packages  []Package     `json:"packages,omitempty"`   // what an update does to packages, as the node's package lists say
	Primitive Primitive     `json:"primitive"`            //
	Prompts   []Prompt      `json:"prompts,omitempty"`    // what the script may ask; not nil: it gets a terminal
	Proof     []Proof       `json:"proof,omitempty"`      // of a local action: asked for once its command has ended
	Reason    string        `json:"reason"`               // the difference that caused it
	Record    []Fact        `json:"record,omitempty"`     // facts to remember from here on
	Requires  []Condition   `json:"requires,omitempty"`   // read again right before; what does not hold stops the run
	Rule      bool          `json:"rule,omitempty"`       // failing is a refusal by a rule, not a failure of the action
	Script    string        `json:"script,omitempty"`     // POSIX sh
	Secrets   []string      `json:"secrets,omitempty"`    // names of the secrets that the commands of a local action get, sorted; never their values
	TimeoutS  int           `json:"timeout_s"`            // seconds; passing it stops the run and ends nothing on the node
	Title     string        `json:"title"`                // what it does, in a few words
	Undo      string        `json:"undo,omitempty"`       // script that runs when this very action failed
	UndoCheck []Condition   `json:"undo_check,omitempty"` // proves Undo done; waited for up to CheckS
	Until     []Condition   `json:"until,omitempty"`      // of a wait or a gate
	Upload    *Transfer     `json:"upload,omitempty"`     // of an upload
}

// Package is one package that an update installs (From is empty), upgrades, or removes
// (To is empty).
type Package struct {
	From string `json:"from,omitempty"`
	Name string `json:"name"`
	To   string `json:"to,omitempty"`
}

// Step is a part of the way back from an action that failed, or is done and does not
// serve; then the run stops.
type Step struct {
	Before []Fact      `json:"before,omitempty"` // as of an action
	Check  []Condition `json:"check"`            // proves it done; waited for up to CheckS
	CheckS int         `json:"check_s"`          // seconds
	Closes []string    `json:"closes,omitempty"` // temporary changes, node/name, that are undone once it is done
	Node   string      `json:"node"`             //
	Opens  []string    `json:"opens,omitempty"`  // temporary changes, node/name: recorded as open before the script starts
	Script string      `json:"script"`           // POSIX sh, run as a detached job
	Title  string      `json:"title"`            //
	Unless []Condition `json:"unless,omitempty"` // where this holds already the step is left out
}

// Transfer is a file that goes from where zup runs to a node. What is there
// already of it is not sent again; it gets its name only when the node has
// computed its SHA-256.
type Transfer struct {
	From   string `json:"from"`   // where zup runs; a relative path starts at the configuration's folder
	Part   string `json:"part"`   // absolute, on the node: what has arrived so far, on the disk of To
	SHA256 string `json:"sha256"` // 64 lower-case hex digits
	Size   int64  `json:"size"`   // bytes
	To     string `json:"to"`     // absolute, on the node
}

// Prompt is a question that a script may ask, and its answer.
type Prompt struct {
	Answer string `json:"answer"` // without the line feed
	Match  string `json:"match"`  // RE2, on the unfinished last line of output
	Max    int    `json:"max"`    // how often it may be asked
	Name   string `json:"name"`
}

// Proof is a command that runs where zup runs and proves a local action done: it
// ends with status 0, and Word is one of the words that it prints.
type Proof struct {
	Absent bool     `json:"absent,omitempty"` // Word is none of them
	Argv   []string `json:"argv"`
	Word   string   `json:"word"`
}

// CommandFile is something that a command which runs where zup runs names, or is. It has
// a digest if it is covered by the plan, and otherwise a reason why it is not.
type CommandFile struct {
	Path      string `json:"path"`                // as the command names it
	SHA256    string `json:"sha256,omitempty"`    // of a file below the configuration's folder, hex
	Uncovered string `json:"uncovered,omitempty"` // why it may be another one when it runs
}

// Fact names one fact of one node.
type Fact struct {
	Fact string `json:"fact"`
	Node string `json:"node"`
}

// Mention is a fact that the report tells, unless it has the value that goes
// without saying.
type Mention struct {
	Fact   string `json:"fact"`
	Node   string `json:"node"`
	Text   string `json:"text"` // what stands before the fact's value
	Unless string `json:"unless"`
}

// Condition is something that can be read on a node and compared. Exactly one
// of Covers, Is, Not, SameAs and Within is set. A fact that can't be read holds nothing.
type Condition struct {
	Covers string   `json:"covers,omitempty"`  // every word of this, or of what was recorded if it is Recorded, is in the fact
	Fact   string   `json:"fact"`              //
	Is     []string `json:"is,omitempty"`      // the fact is one of these
	Node   string   `json:"node,omitempty"`    // left out in a Word: the one in question
	Not    []string `json:"not,omitempty"`     // the fact is none of these
	SameAs string   `json:"same_as,omitempty"` // the fact is the same as on this node, or as recorded if it is Recorded
	Says   string   `json:"says,omitempty"`    // what it means for people when it does not hold; {seen} in it is the fact
	Within []string `json:"within,omitempty"`  // every word of the fact is one of these
}

// Recorded stands in a condition for what an earlier action of the same run
// recorded of the same fact on the same node.
const Recorded = "(recorded)"

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Actions) == 0 }

// Cluster returns the cluster of that name, or nil.
func (p *Plan) Cluster(name string) *Cluster {
	for i := range p.Clusters {
		if p.Clusters[i].Name == name {
			return &p.Clusters[i]
		}
	}
	return nil
}

// Product returns the product of that name, or nil.
func (p *Plan) Product(name string) *Product {
	for i := range p.Products {
		if p.Products[i].Name == name {
			return &p.Products[i]
		}
	}
	return nil
}

// Action returns the action of that ID, or nil.
func (p *Plan) Action(id string) *Action {
	for i := range p.Actions {
		if p.Actions[i].ID == id {
			return &p.Actions[i]
		}
	}
	return nil
}

// Branch returns the actions of a cluster, in order.
func (p *Plan) Branch(cluster string) []*Action {
	var all []*Action
	for i := range p.Actions {
		if a := &p.Actions[i]; a.Cluster == cluster {
			all = append(all, a)
		}
	}
	return all
}

// Node returns the node of that name, or nil.
func (c *Cluster) Node(name string) *Node {
	for i := range c.Nodes {
		if c.Nodes[i].Name == name {
			return &c.Nodes[i]
		}
	}
	return nil
}

// Timeout is TimeoutS as a duration.
func (a *Action) Timeout() time.Duration { return time.Duration(a.TimeoutS) * time.Second }

// Changes reports whether the action may change a node.
func (a *Action) Changes() bool {
	return a.Primitive == Script || a.Primitive == Upload || a.Primitive == Local && a.Out
}

// Estimate is the predicted duration of the actions: the longest path through
// the graph, in seconds.
func Estimate(actions []Action) int {
	end := make(map[string]int, len(actions))
	longest := 0
	for i := range actions {
		a := &actions[i]
		start := 0
		for _, id := range a.After {
			start = max(start, end[id])
		}
		end[a.ID] = start + a.EstimateS
		longest = max(longest, end[a.ID])
	}
	return longest
}
