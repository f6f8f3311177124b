// Package sshconfig reads ssh_config files as ssh does, and says what they mean for one
// host, each value with the line that it comes from.
//
// Start with Files.For. What changes to whom, how or as whom ssh connects is understood
// or refused with its file and line, never passed over; what a file says in a block about
// other hosts stops nobody. The package runs nothing and asks no name server: whoever calls
// it may run the command of a Match exec, and where only ssh could tell what a file means,
// it says so with an UndecidedError.
package sshconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"zup/plan/disk"
)

// Files are the files that ssh reads, the stronger first. A file that does not exist is
// as good as an empty one. Each file is read once. It is safe for concurrent use.
type Files struct {
	User   string // ~/.ssh/config; "": none
	System string // /etc/ssh/ssh_config; "": none
	Home   string // where ~ is

	mu      sync.Mutex
	texts   map[string]text
	unsure  error // why ssh may find other files than these
	ownHome bool
}

type text struct {
	text string
	err  error
}

// Survey returns every file that ssh reads for any host. The error says why ssh may find
// others when it reads a file that includes these ones.
func (f *Files) Survey() ([]string, error) {
	u, err := user.Current()
	f.mu.Lock()
	f.unsure, f.ownHome = nil, err == nil && filepath.Clean(u.HomeDir) == filepath.Clean(f.Home)
	f.mu.Unlock()
	r := &reader{files: f, never: true, settings: Settings{}}
	if err := r.pass(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name, t := range f.texts {
		if t.err == nil {
			names = append(names, name)
		}
	}
	for _, name := range []string{f.User, f.System} {
		if strings.ContainsAny(name, "\"\\*?[]%${}~\n") {
			f.unsure = fmt.Errorf("%s is not a plain name", name)
		}
	}
	slices.Sort(names)
	return names, f.unsure
}

// anchor remembers an Include whose file depends on the file that it stands in.
func (f *Files) anchor(arg string, user bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !user || !f.ownHome {
		f.unsure = fmt.Errorf("include %s is another file where ssh reads it for zup: write it with / at the beginning", arg)
	}
}

func (f *Files) read(file string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, ok := f.texts[file]
	if !ok {
		raw, err := disk.ReadFile(file, disk.MaxSettings)
		if t = (text{string(raw), err}); f.texts == nil {
			f.texts = map[string]text{}
		}
		f.texts[file] = t
	}
	return t.text, t.err
}

// A Query is the host that is asked about, as on the command line of ssh.
type Query struct {
	Host      string
	User      string // "": nobody has said
	Usual     string // who logs in where nobody says
	LocalUser string // who runs this program
	Port      int    // 0: nobody has said
}

// A Value is what one line says.
type Value struct {
	Args []string
	File string
	Line int
}

// At returns FILE:LINE.
func (v Value) At() string { return (&LineError{File: v.File, Line: v.Line}).At() }

// Settings are what holds for one host, by the directive's name in lower case. Of most
// directives only the first value counts, and only that is there.
type Settings map[string][]Value

// Get returns the first argument of a directive, "" where nobody says anything.
func (s Settings) Get(directive string) string {
	v, _ := s.Value(directive)
	if len(v.Args) == 0 {
		return ""
	}
	return v.Args[0]
}

// Value returns the first value of a directive.
func (s Settings) Value(directive string) (Value, bool) {
	all := s[strings.ToLower(directive)]
	if len(all) == 0 {
		return Value{}, false
	}
	return all[0], true
}

// Check returns an error for the first value that is not followed: of settings that do not
// come from For.
func (s Settings) Check() error {
	for _, k := range slices.Sorted(maps.Keys(s)) {
		d, known := directives[k]
		if !known && !passedOver[k] && k != "host" && k != "proxy" {
			return &LineError{s[k][0].File, s[k][0].Line, fmt.Errorf("%s: zup does not know this directive", k)}
		}
		if k == "proxyjump" && strings.EqualFold(s.Get(k), "none") {
			return &LineError{s[k][0].File, s[k][0].Line, errors.New("ProxyJump none with a comment behind it: ssh jumps through a host called none")}
		}
		for _, v := range s[k] {
			if d.check == nil || len(v.Args) == 0 {
				continue
			}
			if err := d.check(v.Args[0]); err != nil {
				return &LineError{v.File, v.Line, fmt.Errorf("%s %s: %w", k, strings.Join(v.Args, " "), err)}
			}
		}
	}
	return nil
}

// A LineError is about a line that holds for the host, and that is not followed.
type LineError struct {
	File string
	Line int // 0: the whole file
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("read %s: %v", e.At(), e.Err) }

// At returns FILE:LINE.
func (e *LineError) At() string {
	if e.Line == 0 {
		return e.File
	}
	return fmt.Sprintf("%s:%d", e.File, e.Line)
}

// Unwrap returns what is wrong with the line.
func (e *LineError) Unwrap() error { return e.Err }

// An UndecidedError says that only ssh itself knows what the line means: it would run a
// program, look at the network or ask a name server.
type UndecidedError struct{ Why string }

func (e *UndecidedError) Error() string { return e.Why }

// An Exec runs a command that Match exec names, after it has expanded the tokens, of which
// it gets those that are about the host, and reports whether it has ended with status 0. An
// UndecidedError leaves it to ssh.
type Exec func(command string, tokens map[byte]string) (bool, error)

// For returns the settings for a host. Errors are of type *LineError. Of what Match exec
// names only that is run which decides: where all other criteria hold. nil: nothing is.
func (f *Files) For(q Query, run Exec) (Settings, error) {
	r := &reader{files: f, query: q, exec: run, host: q.Host, settings: Settings{}}
	if err := r.pass(); err != nil {
		return nil, err
	}
	if v, ok := r.settings.Value("CanonicalizeHostname"); ok && !strings.EqualFold(v.Args[0], "no") {
		return nil, &LineError{v.File, v.Line, &UndecidedError{fmt.Sprintf("CanonicalizeHostname %s: which name that makes of %q, only ssh knows", v.Args[0], q.Host)}}
	}
	if r.wantFinal {
		m := criteria{reader: r}
		name, err := m.name()
		if v, _ := r.settings.Value("HostName"); err != nil {
			return nil, &LineError{v.File, v.Line, err}
		}
		// The second pass is about the name that the first one has found.
		r.final, r.host = true, strings.ToLower(name)
		if err := r.pass(); err != nil {
			return nil, err
		}
	}
	return r.settings, nil
}

// A reader goes through the files once or, if a line says "Match final", twice.
type reader struct {
	files     *Files
	query     Query
	exec      Exec   // nil: nobody runs anything
	host      string // what Host is compared with
	settings  Settings
	final     bool
	never     bool // in a file that a block about other hosts includes
	wantFinal bool
	ignored   string // patterns of IgnoreUnknown
}

func (r *reader) pass() error {
	if r.files.User != "" {
		if err := r.read(r.files.User, filepath.Join(r.files.Home, ".ssh"), 0); err != nil {
			return err
		}
	}
	if r.files.System != "" {
		return r.read(r.files.System, filepath.Dir(r.files.System), 0)
	}
	return nil
}

// maxDepth is how deep files may include each other, as in ssh.
const maxDepth = 16

// read reads a file; dir is where the relative names of what it includes begin.
func (r *reader) read(file, dir string, depth int) error {
	text, err := r.files.read(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &LineError{File: file, Err: err}
	}
	active, n := true, 0
	for line := range strings.Lines(text) {
		n++
		if active, err = r.line(line, active, dir, Value{File: file, Line: n}, depth); err != nil {
			var included *LineError
			if errors.As(err, &included) {
				return err
			}
			return &LineError{file, n, err}
		}
	}
	return nil
}

// line reads a line and returns whether those after it hold for the host. An error of an
// included file passes through as it is.
func (r *reader) line(line string, active bool, dir string, v Value, depth int) (bool, error) {
	line = strings.Trim(line, " \t\r\n\f")
	if line == "" || line[0] == '#' {
		return active, nil
	}
	word, rest, _ := delimited(line)
	keyword := strings.ToLower(word)
	if other, ok := otherNames[keyword]; ok {
		keyword = other
	}
	if r.never {
		r.glance(keyword, rest, dir, depth)
		return false, nil
	}
	if keyword == "include" && !active {
		r.never = true
		r.glance(keyword, rest, dir, depth)
		r.never = false
		return active, nil
	}
	if keyword != "host" && keyword != "match" && (!active || passedOver[keyword]) {
		return active, nil
	}
	if rest == "" {
		return active, fmt.Errorf("%s: nothing follows", word)
	}
	if keyword == "match" {
		return r.match(rest)
	}
	args, err := split(rest)
	if err != nil {
		return active, err
	}
	if len(args) == 0 {
		return active, fmt.Errorf("%s: nothing follows", word)
	}
	v.Args = args
	if commands[keyword] { // as it stands, for a shell
		v.Args = []string{strings.TrimLeft(rest, blank+"=")}
	}
	if keyword == "proxyjump" {
		if v.Args, err = jumps(rest); err != nil {
			return active, err
		}
	}
	switch keyword {
	case "host":
		return hostMatches(args, r.host), nil
	case "include":
		return active, r.include(args, dir, depth)
	}
	return active, r.set(word, keyword, v)
}

// glance looks for "Match final" in what a block about other hosts includes: that makes
// ssh read everything twice, whichever block it stands in. Nothing else counts there, and
// no error.
func (r *reader) glance(keyword, rest, dir string, depth int) {
	switch keyword {
	case "match":
		_, _ = r.match(rest)
	case "include":
		args, err := split(rest)
		if err == nil {
			err = r.include(args, dir, depth)
		}
		if err != nil {
			r.files.mu.Lock()
			r.files.unsure = err
			r.files.mu.Unlock()
		}
	}
}

// jumps returns what follows ProxyJump, where ssh heeds no quotes and takes a "none" with a
// comment behind it for the name of a host.
func jumps(rest string) ([]string, error) {
	value, _, commented := strings.Cut(strings.TrimLeft(rest, blank+"="), "#")
	value = strings.TrimRight(value, blank)
	if strings.ContainsAny(value, blank+`"'\\`) || commented && strings.EqualFold(value, "none") {
		return nil, fmt.Errorf("ProxyJump %s: write it without quotes, blanks and comment", rest)
	}
	return []string{value}, nil
}

// hostMatches reports whether a Host line is about host.
func hostMatches(patterns []string, host string) bool {
	matched := false
	for _, p := range patterns {
		p, negated := strings.CutPrefix(p, "!")
		if !Match(p, host) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

func (r *reader) include(args []string, dir string, depth int) error {
	if depth == maxDepth {
		return errors.New("files include each other too deeply")
	}
	for _, arg := range args {
		if arg == "" || strings.ContainsAny(arg, `[]\%`) || strings.Contains(arg, "${") || strings.HasPrefix(arg, "~") && !strings.HasPrefix(arg, "~/") {
			return fmt.Errorf("include %s: zup understands *, ? and ~/ in it", arg)
		}
		if rest, ok := strings.CutPrefix(arg, "~/"); ok {
			if dir != filepath.Join(r.files.Home, ".ssh") {
				return fmt.Errorf("include %s: the system's file can't include that of a user", arg)
			}
			arg = filepath.Join(r.files.Home, rest)
			r.files.anchor(arg, dir == filepath.Join(r.files.Home, ".ssh"))
		} else if !filepath.IsAbs(arg) {
			arg = filepath.Join(dir, arg)
			r.files.anchor(arg, dir == filepath.Join(r.files.Home, ".ssh"))
		}
		names, err := filepath.Glob(arg)
		if err != nil {
			return fmt.Errorf("include %s: %w", arg, err)
		}
		for _, name := range names {
			if hidden(name) && !hidden(arg) {
				continue
			}
			if err := r.read(name, dir, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func hidden(path string) bool { return strings.HasPrefix(filepath.Base(path), ".") }

// set keeps what a directive says.
func (r *reader) set(word, keyword string, v Value) error {
	if keyword == "ignoreunknown" {
		if r.ignored == "" {
			r.ignored = strings.ToLower(v.Args[0])
		}
		return nil
	}
	d, known := directives[keyword]
	if !known {
		if r.ignored != "" && MatchList(r.ignored, keyword) {
			return nil
		}
		return fmt.Errorf("%s: zup does not know this directive", word)
	}
	if d.most > 0 && len(v.Args) > d.most {
		return fmt.Errorf("%s: more than one value: %s", word, strings.Join(v.Args, " "))
	}
	if v.Args[0] == "" {
		return fmt.Errorf("%s: nothing follows", word)
	}
	if d.group != "" {
		keyword = d.group
		v.Args = append([]string{word}, v.Args...)
	}
	if d.group != "" && strings.EqualFold(word, "ProxyCommand") && noJump(r.settings[keyword]) {
		delete(r.settings, keyword)
	}
	if len(r.settings[keyword]) > 0 && !d.several || keyword == "hostname" && r.final {
		return nil // in the second pass ssh knows the name already
	}
	if d.check != nil {
		if err := d.check(v.Args[0]); err != nil {
			return fmt.Errorf("%s %s: %w", word, strings.Join(v.Args, " "), err)
		}
	}
	for _, other := range r.settings[keyword] {
		if d.several && other.Args[0] == v.Args[0] {
			return nil
		}
	}
	r.settings[keyword] = append(r.settings[keyword], v)
	return nil
}

// noJump reports whether all that is said is "ProxyJump none": a command counts after it.
func noJump(said []Value) bool {
	return len(said) == 1 && strings.EqualFold(said[0].Args[0], "ProxyJump") && strings.EqualFold(said[0].Args[1], "none")
}

// Expand replaces the tokens %x that tokens has, %% and ${NAME}. What ssh refuses is
// refused: a token that it does not know there and a variable that is not set.
func Expand(s string, tokens map[byte]string, env bool) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch rest := s[i:]; {
		case strings.HasPrefix(rest, "%%"):
			b.WriteByte('%')
			i++
		case rest[0] == '%':
			value, ok := "", false
			if len(rest) > 1 {
				value, ok = tokens[rest[1]]
			}
			if !ok {
				return "", fmt.Errorf("%q: zup does not know %q there", s, rest[:min(2, len(rest))])
			}
			b.WriteString(value)
			i++
		case env && strings.HasPrefix(rest, "${"):
			name, _, closed := strings.Cut(rest[2:], "}")
			value, set := os.LookupEnv(name)
			if !closed || !set {
				return "", fmt.Errorf("%q: the environment has no %q", s, name)
			}
			b.WriteString(value)
			i += len("${}") + len(name) - 1
		default:
			b.WriteByte(rest[0])
		}
	}
	return b.String(), nil
}
