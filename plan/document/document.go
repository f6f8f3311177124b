// Package document is a document as a value: sections of a few kinds of blocks,
// with renderers for HTML and Markdown. It knows neither plans nor runs; package
// review makes documents of them, and package show writes one as text.
//
// A string in a document may be raw. A renderer escapes it for its medium: what a
// node or a file says can't add an element, a link or a mention, can't leave its
// place, and can't hide in it. The same document gives the same bytes.
package document

// Document is what somebody reads who was not there.
type Document struct {
	Kind     string // "Change plan", "Report of a change"
	Title    string
	Verdict  Note // the one sentence to begin with
	Sections []Section
	Foot     string // the last line
	Whole    string // a sentence that says where everything is that Markdown has left out; empty: in the file
}

// Section is a part with a heading.
type Section struct {
	ID     string // unique in the document: [a-z0-9-]+
	Title  string
	Blocks []Block
}

// Tone says how something is meant. Renderers show it by a word or a mark, never by
// colour alone.
type Tone string

// The tones.
const (
	Plain  Tone = ""
	Good   Tone = "good"
	Notice Tone = "notice"
	Bad    Tone = "bad"
)

// Mark is the sign of a tone.
func (t Tone) Mark() string {
	return map[Tone]string{Good: "✓", Notice: "!", Bad: "✗"}[t]
}

// Block is one of the types below.
type Block interface{ Kind() string }

// Text is a paragraph.
type Text string

// Heading is a heading below that of the section.
type Heading struct{ ID, Title string }

// Note is a sentence that must not be overlooked. Word says in a word what the tone
// means here.
type Note struct {
	Tone Tone
	Word string
	Text string
}

// Notes are several of them.
type Notes []Note

// Fact is a labelled value.
type Fact struct {
	Label string
	Text  string
	Tone  Tone
	Exact bool // characters count: a digest, a path, a name
}

// Facts are labelled values below each other.
type Facts []Fact

// Cell is a cell of a table.
type Cell struct {
	Text  string
	Tone  Tone
	Exact bool
}

// Table has a heading for every column; the first cell of a row is the row's own.
type Table struct {
	Caption string
	Head    []string
	Numbers []int // columns whose values are set to the right
	Rows    [][]Cell
}

// Figure is a picture, with the same in words.
type Figure struct {
	SVG     string // as package picture draws it: escaped, with title and desc
	Caption string
	Mermaid string // the same for a reader who draws Mermaid; may be empty
	Words   []string
}

// Step is one action: the row of a table, with what belongs to it folded.
type Step struct {
	Number int
	Mark   string // "~", "?" or "…"
	Means  string // what the mark means, in a word
	Node   string
	Title  string
	Reason string
	Badge  Note   // with an empty Word: none
	Values []Cell // under Steps.Head
	Fold   []Block
}

// Steps are the actions in their order. Head has the titles of Step.Values.
type Steps struct {
	Caption string
	Head    []string
	FoldAs  string // title of what is folded
	List    []Step
}

// Fold is shown when somebody asks for it. What has a Rank above 0 is left out of
// Markdown that would be too long, the highest first.
type Fold struct {
	Title  string
	Rank   int
	Blocks []Block
}

// Code is text whose every character counts.
type Code struct {
	Label string
	Text  string
	Read  bool // it is there to be read, and nothing carries it out: every language stays readable
}

// List is a list of short texts.
type List struct {
	Label string // may be empty
	Items []string
}

// Sign is room for names, dates and signatures. Rows have the texts that stand
// there already.
type Sign struct {
	Head []string
	Rows [][]string
}

// Kind names the type of a block, for the templates.
func (Text) Kind() string    { return "text" }
func (Heading) Kind() string { return "heading" }
func (Notes) Kind() string   { return "notes" }
func (Facts) Kind() string   { return "facts" }
func (Table) Kind() string   { return "table" }
func (Figure) Kind() string  { return "figure" }
func (Steps) Kind() string   { return "steps" }
func (Fold) Kind() string    { return "fold" }
func (Code) Kind() string    { return "code" }
func (List) Kind() string    { return "list" }
func (Sign) Kind() string    { return "sign" }
