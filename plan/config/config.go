// Package config reads a directory of *.zup.hcl and *.zup.json files and turns
// it into values: which clusters there are, where their nodes answer and which
// version they shall run.
//
// Start with Load. It evaluates every expression and checks everything that can
// be checked without a node, and it reports all mistakes of all files at once,
// each with its place; Diagnostics prints them. Format is what "zup fmt" does.
//
// The language is pure: no clock, no randomness, no network, and no file
// outside the configuration's own directory, so that the same files, variables
// and environment always mean the same. The package never connects to anything
// and never writes a file. It knows no product either: what one adds to the language it
// declares, see Options.Products.
package config

import (
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Config is what the files of one directory say.
type Config struct {
	Dir string // as handed to Load; relative paths in the configuration start here

	// Files are the configuration files, sorted by path. With VarFiles, the
	// variables' values and the files that expressions read, they are all that
	// went into Clusters.
	Files    []File
	VarFiles []VarFile // sorted by path

	// Read are the paths of the other files that are part of it, sorted: those that
	// expressions have read, and those of the approval block.
	Read []string

	// Asked is what expressions have asked the directory, and Values are those of the
	// variables, but for what is sensitive: with the text of the files, what Reload needs.
	Asked  []Question
	Values []Value
	// Nonsensitive is what it declares not to be sensitive although it is made from
	// something that is. callNames has how one is called.
	Nonsensitive []Value
	Unknown      []string // of Reload: places of what is left out because it is not in the record

	// Exists and Listed are what expressions have learned about which other files there
	// are; sorted.
	Exists []Existence
	Listed []Listed

	Secrets  []*Secret  // in order of file name, then of place in the file
	Clusters []*Cluster // in the same order

	Approval *Approval // nil: a plan needs nobody's signature
	Windows  []*Window // when plans may be applied; none: any time; in the same order
	Freezes  []*Freeze // when none may be, windows or not
	Rules    []*Rule   // what every plan has to fulfil
}

// File is one configuration file as a plan keeps it.
type File struct {
	Path   string // relative to the directory, with slashes
	SHA256 string // of the file's own bytes, in hex
	Text   string // the file, with what must not be shown replaced; it parses as the file did
}

// VarFile is a file that gave values to variables. Its text is nowhere kept,
// because this is where people put what must not be shown.
type VarFile struct {
	Path   string // relative to the directory; of a -var-file as it was given
	SHA256 string // of the file's own bytes, in hex
}

// Approval says whose signatures a plan needs before it is carried out.
type Approval struct {
	Signers          File  // allowed signers, as ssh-keygen reads them
	Revoked          *File // public keys that do not count; nil: not said
	Required         int   // how many different people, at least 1
	AuthorMayApprove bool  // whoever made the plan counts too

	Place
}

// Cluster is one cluster block: a pair of nodes, or a single one.
type Cluster struct {
	Provider string // the product family, the first label
	Name     string // unique in a configuration and fit for a file name: [a-z0-9][a-z0-9_-]{0,62}

	Version         string        // what every node shall run, exactly: "6.1.20"; empty: the product has none
	Master          string        // name of the node that is MASTER when apply ends; empty: whoever is when the plan is made
	MaxInterruption time.Duration // the longest stretch without an answer that a probe may see; 0: no limit

	Nodes    []Node    // as written
	Package  *Package  // nil: nodes fetch from the vendor's repository
	Snapshot *Snapshot // nil: there is no way back
	Probes   []Probe   // as written

	// Own are the arguments that the product declares, by name, each with its default
	// where nothing is said.
	Own map[string]cty.Value

	Place
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

// Node is one machine of a cluster.
type Node struct {
	Name    string // its own host name, a single label
	Address string // management address: IP or DNS name, no port
	SSH     SSH    // the cluster's ssh block with the node's own laid over it

	Place
}

// The values that SSH.Become may have.
const (
	BecomeSudo         = "sudo"
	BecomeSudoPassword = "sudo-password"
	BecomeDoas         = "doas"
)

// SSH says how a node is reached. What is empty was not said: ssh_config,
// known_hosts and the agent decide then.
type SSH struct {
	User         string
	Become       string            // how a user other than root becomes root: one of the above
	Port         int               // 1 to 65535; 0: not said
	IdentityFile string            // may begin with "~/"; a relative path starts at Config.Dir
	Jump         []Hop             // in the order of travel; nil: not said; empty but not nil: explicitly none
	HostKey      string            // the pinned key, "type base64", without comment
	JumpHostKeys map[string]string // the same of jump hosts, by HOST or HOST:PORT; nil: not said

	Place
}

// Hop is one host on the way to a node.
type Hop struct {
	User string // empty: not said
	Host string // IP or name, IPv6 without brackets
	Port int    // 0: not said
}

// String returns the hop as ssh's -J takes it.
func (h Hop) String() string {
	s := h.Host
	if strings.Contains(s, ":") {
		s = "[" + s + "]"
	}
	if h.User != "" {
		s = h.User + "@" + s
	}
	if h.Port != 0 {
		s += ":" + strconv.Itoa(h.Port)
	}
	return s
}

// Package is an update that zup carries to the nodes itself.
type Package struct {
	Offline string // path of the image; a relative path starts at Config.Dir; whether it exists is not checked here
	SHA256  string // of the image, 64 lower-case hex digits; empty: not said

	Place
}

// Snapshot holds the commands that run on zup's own machine around an update.
type Snapshot struct {
	Create  Argv // contains {name}
	Restore Argv // contains {name}; nil: not said
	Delete  Argv // contains {name}; nil: not said
	List    Argv // nil: not said

	// KeepFor is how long a snapshot is kept, from when it was taken: what is
	// older is deleted at the end of a run that ended well. nil: zup deletes none.
	KeepFor *time.Duration

	Secrets []string // names of those that the commands get, sorted

	Place
}

// Argv is a command as a list of arguments: no shell reads it. {node} and
// {name} stand in it until Expand. It stands in the plan word for word, so nothing
// sensitive is ever in it.
type Argv []string

// Expand returns the command for one node with {node} and {name} replaced in
// every argument, in one pass: what was put in is not looked at again.
func (v Argv) Expand(node, name string) []string {
	r := strings.NewReplacer("{node}", node, "{name}", name)
	out := make([]string, len(v))
	for i, arg := range v {
		out[i] = r.Replace(arg)
	}
	return out
}

// Probe asks a virtual IP for an answer, again and again, while the cluster is
// updated. Exactly one of TCP and HTTP is set.
type Probe struct {
	Name     string        // unique in its cluster, spelled like a cluster's name
	TCP      string        // "host:port"
	HTTP     string        // an http or https URL without credentials
	Interval time.Duration // from one request to the next, 1ms to 60s
	Timeout  time.Duration // for one answer, 10ms to 60s

	Place
}

// What a probe does where its block does not say.
const (
	DefaultInterval = 100 * time.Millisecond
	DefaultTimeout  = time.Second
)

// Place is where a block stands in the files, for messages about it. The zero
// Place is that of something that was not read from a file.
type Place struct {
	Range hcl.Range // the block's header

	args []argRange
}

type argRange struct {
	name  string
	value hcl.Range
}

// At returns where the value of an argument stands, or the block's header where
// the argument is not said.
func (p Place) At(arg string) hcl.Range {
	for i := range p.args {
		if p.args[i].name == arg {
			return p.args[i].value
		}
	}
	return p.Range
}
