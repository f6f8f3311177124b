package document

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"zup/plan/escape"
)

// MarkdownLimit is how many characters Markdown has at the most: what a comment on
// a pull request takes, and some room for whoever posts it.
const MarkdownLimit = 65_000

// Markdown writes the document for a comment on a pull request. What is long is
// folded; what is too long for a comment is left out, and the end says so.
func Markdown(w io.Writer, d *Document) error {
	_, err := io.WriteString(w, markdown(d, MarkdownLimit))
	return err
}

// MarkdownFoot returns the last line of what Markdown has written, as it stands there.
// It is "" where a text is not such a one: it begins with a title and ends with a rule
// and its foot.
func MarkdownFoot(text []byte) string {
	const rule = "\n---\n\n"
	i := bytes.LastIndex(text, []byte(rule))
	if i < 0 || !bytes.HasPrefix(text, []byte("# ")) {
		return ""
	}
	foot, after, ended := bytes.Cut(text[i+len(rule):], []byte("\n"))
	if !ended || len(after) > 0 {
		return ""
	}
	return string(foot)
}

func markdown(d *Document, limit int) string {
	for rank := 9; rank > 0; rank-- { // below rank 9 nothing is left out
		m := &markdowner{rank: rank, most: 4 * limit}
		if text := m.document(d, len(d.Sections)); utf8.RuneCountInString(text) <= limit {
			return text
		}
	}
	fits := func(n int) (string, bool) {
		m := &markdowner{rank: 1, most: 4 * limit}
		text := m.document(d, n)
		return text, utf8.RuneCountInString(text) <= limit
	}
	// A section more is a longer text, but for what is said of those that are left out.
	n := sort.Search(len(d.Sections), func(n int) bool { _, ok := fits(n); return !ok }) - 1
	if n > 0 {
		text, _ := fits(n)
		return text
	}
	short := &Document{Title: clip(d.Title), Verdict: d.Verdict, Sections: d.Sections, Foot: clip(d.Foot), Whole: d.Whole}
	short.Verdict.Text = clip(d.Verdict.Text)
	m := &markdowner{rank: 1}
	return m.document(short, 0)
}

// clip leaves of a text what fits into a comment whatever it is made of: a character
// may take a dozen once it is escaped.
func clip(s string) string {
	const most = 1000
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + " …"
}

// markdowner writes Markdown. Folds of its rank and above are left out.
type markdowner struct {
	b    strings.Builder
	rank int
	most int      // bytes, after which it gives up; 0: none
	left []string // titles of what was left out

	known map[string]bool // those of left
}

func (m *markdowner) line(format string, args ...any) {
	fmt.Fprintf(&m.b, format+"\n", args...)
}

func (m *markdowner) document(d *Document, sections int) string {
	m.line("# %s\n", inline(d.Title))
	m.line("%s\n", m.note(d.Verdict))
	for _, s := range d.Sections[:sections] {
		m.line("## %s\n", inline(s.Title))
		m.blocks(s.Blocks)
	}
	for _, s := range d.Sections[sections:] {
		m.leaveOut(s.Title)
	}
	if len(m.left) > 0 {
		m.line("**Left out**, because a comment takes no more: %s. %s\n", inline(m.leftOut()), inline(whole(d)))
	}
	m.line("---\n\n%s", inline(d.Foot))
	return m.b.String()
}

// whole says where everything is.
func whole(d *Document) string {
	if d.Whole != "" {
		return d.Whole
	}
	return "zup show prints everything of the file."
}

func (m *markdowner) leaveOut(title string) {
	if m.known[title] {
		return
	}
	if m.known == nil {
		m.known = map[string]bool{}
	}
	m.known[title] = true
	m.left = append(m.left, title)
}

func (m *markdowner) leftOut() string {
	const most = 12
	var titles []string
	for _, title := range m.left[:min(len(m.left), most)] {
		titles = append(titles, string([]rune(title)[:min(utf8.RuneCountInString(title), 200)]))
	}
	text := strings.Join(titles, "; ")
	if more := len(m.left) - most; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

func (m *markdowner) note(n Note) string {
	if n.Word == "" {
		return inline(n.Text)
	}
	return fmt.Sprintf("**%s** %s", strings.TrimSpace(n.Tone.Mark()+" "+inline(n.Word)), inline(n.Text))
}

func (m *markdowner) blocks(all []Block) {
	for _, b := range all {
		if m.most > 0 && m.b.Len() > m.most {
			return // it is too long by any count
		}
		m.block(b)
	}
}

func (m *markdowner) block(b Block) {
	switch b := b.(type) {
	case Text:
		m.line("%s\n", inline(string(b)))
	case Heading:
		m.line("### %s\n", inline(b.Title))
	case Notes:
		for _, n := range b {
			m.line("- %s", m.note(n))
		}
		m.line("")
	case Facts:
		m.facts(b)
	case Table:
		m.table(b.Head, b.Numbers, b.Rows)
	case Figure:
		m.figure(b)
	case Steps:
		m.steps(b)
	case Fold:
		m.fold(b)
	case Code:
		m.code(b)
	case List:
		m.list(b)
	case Sign:
		m.sign(b)
	}
}

func (m *markdowner) facts(all Facts) {
	rows := make([][]Cell, len(all))
	for i, f := range all {
		rows[i] = []Cell{{Text: f.Label}, {Text: f.Text, Tone: f.Tone, Exact: f.Exact}}
	}
	m.table([]string{"", ""}, nil, rows)
}

func (m *markdowner) table(head []string, numbers []int, rows [][]Cell) {
	m.head(head, numbers)
	for _, row := range rows {
		for _, c := range row {
			m.b.WriteString("| " + cell(c) + " ")
		}
		m.b.WriteString("|\n")
	}
	m.line("")
}

// head writes the first two lines of a table.
func (m *markdowner) head(head []string, numbers []int) {
	m.b.WriteString("| " + strings.Join(inlines(head), " | ") + " |\n|")
	for i := range head {
		m.b.WriteString(map[bool]string{true: "--:|", false: ":--|"}[slices.Contains(numbers, i)])
	}
	m.b.WriteString("\n")
}

func cell(c Cell) string {
	text := inline(c.Text)
	if c.Exact && c.Text != "" {
		text = exact(c.Text)
	}
	if mark := c.Tone.Mark(); mark != "" {
		text = mark + " " + text
	}
	return text
}

func (m *markdowner) figure(f Figure) {
	if f.Mermaid != "" {
		m.fence("mermaid", strings.TrimRight(f.Mermaid, "\n"))
	}
	m.line("%s\n", inline(f.Caption))
	if len(f.Words) > 0 {
		m.fold(Fold{Title: "The picture in words", Blocks: []Block{List{Items: f.Words}}})
	}
}

func (m *markdowner) steps(s Steps) {
	head := slices.Concat([]string{"No.", "Node", "Action and reason"}, s.Head)
	numbers := []int{0}
	for i := range s.Head {
		numbers = append(numbers, 3+i)
	}
	m.head(head, numbers)
	for _, step := range s.List {
		what := "**" + inline(step.Title) + "**"
		if step.Badge.Word != "" {
			what += " [" + strings.TrimSpace(step.Badge.Tone.Mark()+" "+inline(step.Badge.Word)) + "]"
		}
		what += "<br>" + inline(step.Reason)
		fmt.Fprintf(&m.b, "| %d %s | %s | %s |", step.Number, inline(step.Mark), inline(step.Node), what)
		for _, v := range step.Values {
			m.b.WriteString(" " + cell(v) + " |")
		}
		m.b.WriteString("\n")
	}
	m.line("")
	m.folds(s)
}

// folds writes what belongs to each step: in one fold that of the steps that carry
// something out, and in another one, which is left out before it, that of those that
// only look.
func (m *markdowner) folds(s Steps) {
	var runs, looks []Block
	first := map[string]int{}
	for _, step := range s.List {
		if len(step.Fold) == 0 {
			continue
		}
		f := Fold{Title: fmt.Sprintf("%d. %s: %s", step.Number, step.Node, step.Title), Blocks: step.Fold}
		if slices.ContainsFunc(step.Fold, func(b Block) bool { _, code := b.(Code); return code }) {
			f.Blocks = once(f.Blocks, step.Number, first)
			runs = append(runs, f)
		} else {
			looks = append(looks, f)
		}
	}
	if len(runs) > 0 {
		m.fold(Fold{Title: s.FoldAs + ": " + s.Caption, Rank: 3, Blocks: runs})
	}
	if len(looks) > 0 {
		m.fold(Fold{Title: "What only looks: " + s.Caption, Rank: 5, Blocks: looks})
	}
}

// once replaces what was written before, word for word, by the number of the step where
// it stands: most of a comment's room is taken by scripts that run on both nodes.
func once(blocks []Block, number int, first map[string]int) []Block {
	const short = 300 // bytes
	out := slices.Clone(blocks)
	for i, b := range out {
		c, ok := b.(Code)
		if !ok || len(c.Text) < short {
			continue
		}
		if at := first[c.Text]; at != 0 {
			out[i] = Text(fmt.Sprintf("%s: the same as in step %d above, byte by byte.", c.Label, at))
			continue
		}
		first[c.Text] = number
	}
	return out
}

func (m *markdowner) fold(f Fold) {
	if f.Rank >= m.rank {
		m.leaveOut(f.Title)
		return
	}
	m.line("<details><summary>%s</summary>\n", element(f.Title))
	m.blocks(f.Blocks)
	m.line("</details>\n")
}

// element is text in an element of HTML: neither a mention nor a link nor a reference
// there.
func element(s string) string {
	s = oneLine(s)
	var b strings.Builder
	for i, r := range s {
		before, after := aside(s, i, r)
		b.WriteString(before + html.EscapeString(string(r)) + after)
	}
	return b.String()
}

// aside is the comment that keeps a forge from taking a character for the beginning of
// a mention, a reference or a link, before the character or after it.
func aside(s string, i int, r rune) (before, after string) {
	const comment = "<!-- -->"
	switch {
	case r == '@' || r == '#', r == ':' && strings.HasPrefix(s[i:], "://"), (r == '!' || r == '%') && i+1 < len(s) && isDigit(s[i+1]):
		return "", comment
	case r == '.' && strings.HasSuffix(strings.ToLower(s[:i]), "www"):
		return comment, ""
	}
	return "", ""
}

func (m *markdowner) code(c Code) {
	if c.Label != "" {
		m.line("%s\n", inline(c.Label))
	}
	m.fence("text", broken(strings.TrimRight(code(c), "\n")))
}

// fence writes text between fences that are longer than every one in it. GitLab takes a
// line that begins with a slash for an order to it, such as /merge, and to tell whether
// it stands in a fence it counts three backticks, not how many there are. So where there
// is such a line all of them are set in by one blank, which belongs to the fence and not
// to the text.
func (m *markdowner) fence(language, text string) {
	marks, in := strings.Repeat("`", max(3, backticks(text)+1)), ""
	if strings.Contains("\n"+text, "\n/") {
		in = " "
	}
	m.line("%s%s%s", in, marks, language)
	for line := range strings.SplitSeq(text, "\n") {
		m.line("%s%s", in, line)
	}
	m.line("%s%s\n", in, marks)
}

// mostColumns is how long a line of code is. What shows Markdown does not break lines
// in a fence, and what is far to the right is out of sight.
const mostColumns = 120

// broken goes on behind an ellipsis where a line is too long.
func broken(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(escape.Rows(line, mostColumns), "\n…")
	}
	return strings.Join(lines, "\n")
}

func (m *markdowner) list(l List) {
	if l.Label != "" {
		m.line("%s\n", inline(l.Label))
	}
	for _, item := range l.Items {
		m.line("- %s", inline(item))
	}
	m.line("")
}

func (m *markdowner) sign(s Sign) {
	rows := make([][]Cell, len(s.Rows))
	for i, row := range s.Rows {
		for _, text := range row {
			rows[i] = append(rows[i], Cell{Text: text})
		}
	}
	m.table(s.Head, nil, rows)
}

// backticks is the length of the longest run of them.
func backticks(s string) int {
	longest, run := 0, 0
	for _, r := range s {
		if run++; r != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

func oneLine(s string) string { return strings.Join(strings.Fields(escape.Line(s)), " ") }

// exact is a code span on one line that may stand in a table.
func exact(s string) string {
	s = escape.Name(s)
	fence := strings.Repeat("`", backticks(s)+1)
	if fence != "`" || strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + strings.ReplaceAll(s, "|", `\|`) + fence
}

func inlines(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = inline(s)
	}
	return out
}

// inline is text on one line in which nothing means anything in Markdown: no
// emphasis, link, mention, reference to an issue, formula, HTML, end of a cell or order
// to the platform. A forge that looks for addresses and references does that in what is
// left of backslashes, so a comment stands in those.
func inline(s string) string {
	s = oneLine(s)
	var b strings.Builder
	for i, r := range s {
		before, after := aside(s, i, r)
		switch {
		case before+after != "":
			b.WriteString(before + string(r) + after)
		case strings.ContainsRune("\\`*_{}[]<>|~$&", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case i == 0 && (r == '-' || r == '+' || r == '=' || r == '/'): // no item, no heading, no quick action
			b.WriteByte('\\')
			b.WriteRune(r)
		case (r == '.' || r == ')') && digits(s[:i]) && (i+1 == len(s) || s[i+1] == ' '):
			b.WriteByte('\\') // no item of a list
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
