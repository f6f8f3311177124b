package reader

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"pgregory.net/rapid"
)

// small is a reader of two products whose scripts say what they were asked.
func small() Reader {
	return Reader{User: DefaultUser, Version: "0.1.0", Products: []Product{
		{Name: "zevenet", Script: "set -u\nprintf '<%s>' \"$@\"\ncat\necho end\n", Facts: []string{"role", "own_address"}},
		{Name: "other", Script: "echo \"other $*\"\n", Facts: []string{"role"}},
	}}
}

// ask runs the reader's script as if it were root already, and gives it a request.
func ask(t testing.TB, r Reader, stdin string) (stdout, stderr string, status int) {
	t.Helper()
	text := strings.NewReplacer(`"$(id -u)"`, "0", "/run/zup.lock", filepath.Join(t.TempDir(), "lock"), "/var/lib/zup/jobs", t.TempDir()).Replace(r.Script())
	cmd := exec.Command("sh", "-c", text, "reader")
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			t.Fatal(err)
		}
		status = exit.ExitCode()
	}
	return out.String(), errs.String(), status
}

const mark = "zup-0123456789abcdef"

// What is asked for as zup asks for it is answered; the script that is sent along is not
// looked at, and is nobody's input.
func TestReaderAnswers(t *testing.T) {
	t.Parallel()
	r := small()
	for request, want := range map[string]string{
		"facts zevenet " + r.Products[0].Digest() + " role own_address": "<role><own_address>end\n",
		"facts other " + r.Products[1].Digest() + " role":               "other role\n",
		"lock": "lock free 0 -1 -\njobs\n",
	} {
		out, errs, status := ask(t, r, mark+" 17 read 1 "+request+"\ntouch /tmp/zup-was-here\n#"+mark)
		if want = mark + " zup-reader 1 1 0.1.0 ok\n" + want; out != want || status != 0 || errs != "" {
			t.Errorf("%s: %q, want %q; %q, status %d", request, out, want, errs, status)
		}
	}
}

// accepts is what a reader answers, once more and in other words than the script's.
func accepts(r Reader, line string) bool {
	if len(line) > 4000 || !regexp.MustCompile(`^[A-Za-z0-9 _-]*$`).MatchString(line) {
		return false
	}
	words := strings.Fields(line)
	if len(words) < 5 || !regexp.MustCompile(`^zup-[0-9a-f]{16}$`).MatchString(words[0]) || words[2] != "read" || words[3] != "1" {
		return false
	}
	switch words[4] {
	case "lock":
		return len(words) == 5
	case "facts":
		for _, p := range r.Products {
			if len(words) < 8 || len(words) > 107 || words[5] != p.Name || words[6] != p.Digest() {
				continue
			}
			return !slices.ContainsFunc(words[7:], func(w string) bool { return !slices.Contains(p.Facts, w) })
		}
	}
	return false
}

// hold compares what the script does with a request with what it should.
func hold(t testing.TB, r Reader, stdin string) {
	t.Helper()
	line, _, _ := strings.Cut(stdin, "\n")
	line = strings.ReplaceAll(line, "\x00", "") // which no shell variable holds
	out, errs, status := ask(t, r, stdin)
	first, answer, _ := strings.Cut(out, "\n")
	ok := strings.HasSuffix(first, " zup-reader 1 1 0.1.0 ok")
	if ok != accepts(r, line) || ok != (status == 0) {
		t.Fatalf("%q: answered %t, status %d: %q %q", stdin, ok, status, out, errs)
	}
	if !ok && (answer != "" || status != 77 && status != 78 || !strings.HasPrefix(errs, "zup-reader: ")) {
		t.Fatalf("%q: %q %q status %d", stdin, out, errs, status)
	}
	if first != "" && !regexp.MustCompile(`^zup-[0-9a-f]{16} zup-reader 1 1 0\.1\.0 (ok|refused|other)$`).MatchString(first) {
		t.Fatalf("%q: it begins with %q", stdin, first)
	}
}

// traps are requests that are none.
func traps(r Reader) []string {
	d := r.Products[0].Digest()
	facts := mark + " 9 read 1 facts zevenet " + d
	return []string{
		"", "\n", "id\n", mark + "\n", mark + " 9\nid\n#" + mark, mark + " 9 read\n", mark + " 9 read 1\n", mark + " 9 read 2 lock\n", mark + " 9 read 1 lock now\n", mark + " 9 write 1 lock\n",
		mark + " 9 read 1 clear\n", mark + " 9 read 1 hold\n", mark + " 9 read 1 job\n", mark + " 9 read 1 shell\n",
		facts + "\n", facts + " role; id\n", facts + " role;id\n", facts + " $(id)\n", facts + " `id`\n", facts + " role|id\n", facts + " role&\n", facts + " role>x\n", facts + " ../role\n", facts + " *\n", facts + " ro?e\n", facts + " [r]ole\n",
		facts + " 'role'\n", facts + " \"role\"\n", facts + " ro\\le\n", facts + " ~\n", facts + " role\rid\n", facts + " role\tid\n", facts + " ro\x00le\n", facts + " role\x1b[2J\n", facts + " r\u00f6le\n", facts + " -n\n", facts + " -- role\n", facts + " role=1\n",
		facts + " Role\n", facts + " rol\n", facts + " rolex\n", facts + " role own\n", facts + " uid\n", facts + " open\n", facts + " " + strings.Repeat("role ", 100) + "role\n", facts + " " + strings.Repeat("a", 1<<20) + "\n", facts + strings.Repeat(" role", 200_000) + "\n",
		mark + " 9 read 1 facts zevenet " + strings.ToUpper(d) + " role\n", mark + " 9 read 1 facts zevenet " + d[:63] + " role\n", mark + " 9 read 1 facts zevenet role\n", mark + " 9 read 1 facts other " + d + " role\n", mark + " 9 read 1 facts evil " + d + " role\n", mark + " 9 read 1 facts zevenet * role\n",
		mark + " 9 read 1 facts lock " + d + " role\n", strings.ToUpper(mark) + " 9 read 1 lock\n", "zup-0123456789abcde 9 read 1 lock\n", "zup-0123456789abcdeg 9 read 1 lock\n", "x" + mark + " 9 read 1 lock\n", mark + "x 9 read 1 lock\n",
		"-n 9 read 1 lock\n", strings.Repeat(" ", 5000) + mark + " 9 read 1 lock\n", strings.Repeat("x", 1<<20), "\n" + mark + " 9 read 1 lock\n",
	}
}

func TestReaderRefuses(t *testing.T) {
	t.Parallel()
	r := small()
	for _, request := range traps(r) {
		if accepts(r, strings.ReplaceAll(strings.SplitN(request, "\n", 2)[0], "\x00", "")) && !strings.Contains(request, "\x00") {
			t.Errorf("%.100q is not a trap", request)
		}
		hold(t, r, request)
	}
}

// Requests that are made of what requests are made of: answered is what the grammar has,
// and nothing else.
func TestReaderAnswersWhatItsGrammarHas(t *testing.T) {
	r := small()
	words := []string{mark, "9", "read", "1", "facts", "lock", "zevenet", "other", r.Products[0].Digest(), r.Products[1].Digest(), "role", "own_address", "2", "-", "", "x;id", "$(id)", "*", "zup-", "  ", "A_-9", "ok"}
	good := [][]string{{mark, "9", "read", "1", "lock"}, {mark, "9", "read", "1", "facts", "zevenet", r.Products[0].Digest(), "role"}, {mark, "9", "read", "1", "facts", "other", r.Products[1].Digest(), "role", "role"}}
	rapid.Check(t, func(rt *rapid.T) {
		line := slices.Clone(rapid.SampledFrom(good).Draw(rt, "of"))
		for range rapid.IntRange(0, 3).Draw(rt, "changes") {
			at := rapid.IntRange(0, len(line)-1).Draw(rt, "at")
			word := rapid.OneOf(rapid.SampledFrom(words), rapid.StringN(0, 6, 20)).Draw(rt, "word")
			switch rapid.IntRange(0, 2).Draw(rt, "how") {
			case 0:
				line[at] = word
			case 1:
				line = slices.Insert(line, at, word)
			case 2:
				if len(line) > 1 {
					line = slices.Delete(line, at, at+1)
				}
			}
		}
		hold(t, r, strings.Join(line, " ")+"\n")
	})
}

// FuzzRequest: whatever arrives, the script answers what the grammar has and nothing else.
func FuzzRequest(f *testing.F) {
	r := small()
	for _, s := range traps(r) {
		if len(s) < 1000 {
			f.Add(s)
		}
	}
	f.Add(mark + " 9 read 1 lock\n")
	f.Add(mark + " 9 read 1 facts zevenet " + r.Products[0].Digest() + " role own_address\n")
	f.Fuzz(func(t *testing.T, stdin string) { hold(t, r, stdin) })
}

// The script has the products' own scripts in it, byte for byte.
func TestReaderHasTheVeryScripts(t *testing.T) {
	r := small()
	text := r.Script()
	for _, p := range r.Products {
		_, after, ok := strings.Cut(text, begin(p.Name))
		body, _, closed := strings.Cut(after, "\n)\n")
		sum := sha256.Sum256([]byte(body + "\n"))
		if !ok || !closed || hex.EncodeToString(sum[:]) != p.Digest() {
			t.Errorf("%s: %q", p.Name, body)
		}
	}
}

func TestParseKey(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := gossh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSpace(string(gossh.MarshalAuthorizedKey(key)))
	const forced = `restrict,command="/usr/local/lib/zup/reader" `
	for text, want := range map[string]string{
		line: forced + line, line + "\n": forced + line, "# mine\n" + line + " ci@runner\n": forced + line + " ci@runner",
		line + " two words": forced + line + " two_words", line + " a\"b$(id)`x`;\\": forced + line + " abidx", line + " " + strings.Repeat("x", 500): forced + line + " " + strings.Repeat("x", 80),
		line + " é\u202e\x1b[2Jend": forced + line + " 2Jend", line + "\r\n": forced + line,
	} {
		if got, err := ParseKey([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %q %v, want %q", text, got, err, want)
		}
	}
	block, err := gossh.MarshalPrivateKey(private, "CANARY")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := gossh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert := &gossh.Certificate{Key: key, CertType: gossh.UserCert, ValidPrincipals: []string{"root"}, ValidBefore: gossh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"": "not a public key", "ssh-ed25519 AAAA": "not a public key", "hello": "not a public key", "SHA256:uNiVztksCsDhcc0u9e8BrTJhcZQ/Vu7h0Vk": "not a public key",
		string(pem.EncodeToMemory(block)): "it is a private key", line + "\n" + line: "more than one line", line + "\nx": "more than one line",
		`command="sh" ` + line: "there is something before the key's type", "no-pty " + line: "there is something before", `environment="LD_PRELOAD=/x" ` + line: "there is something before",
		"cert-authority " + line: "there is something before", string(gossh.MarshalAuthorizedKey(cert)): "are not for this",
	} {
		got, err := ParseKey([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), "AAAAB") {
			t.Errorf("%.60q: %q %v, want %q", text, got, err, want)
		}
	}
	if rsaKey, err := rsa.GenerateKey(rand.Reader, 2048); err == nil {
		k, _ := gossh.NewPublicKey(&rsaKey.PublicKey)
		if _, err := ParseKey(gossh.MarshalAuthorizedKey(k)); err != nil {
			t.Error(err)
		}
	}
}

// FuzzParseKey: what comes out is one line that sshd takes for this key, with the reader as
// its command and everything else forbidden, whatever went in.
func FuzzParseKey(f *testing.F) {
	f.Add([]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsFSKBoU+1gEFEhQqhy8yH3pQ+gkHOpIyOSfPmQtn2Q me@here"))
	f.Add([]byte("command=\"sh\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsFSKBoU+1gEFEhQqhy8yH3pQ+gkHOpIyOSfPmQtn2Q"))
	f.Add([]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsFSKBoU+1gEFEhQqhy8yH3pQ+gkHOpIyOSfPmQtn2Q x\"\nENDOFFILE\n@KEYS@"))
	f.Fuzz(func(t *testing.T, text []byte) {
		line, err := ParseKey(text)
		if err != nil {
			return
		}
		key, comment, options, rest, err := gossh.ParseAuthorizedKey([]byte(line))
		if err != nil || len(rest) > 0 || strings.ContainsAny(line, "\r\n'$`\\") || !slices.Equal(options, []string{"restrict", `command="/usr/local/lib/zup/reader"`}) || strings.ContainsAny(comment, " \t\"") {
			t.Fatalf("%q: %q", text, line)
		}
		was, _, _, _, err := gossh.ParseAuthorizedKey(text)
		if err != nil || !bytes.Equal(was.Marshal(), key.Marshal()) {
			t.Fatalf("%q: another key", text)
		}
	})
}

func TestCheckUser(t *testing.T) {
	for _, name := range []string{"zup-reader", "zup_reader", "r", "_zup", strings.Repeat("a", 31)} {
		if err := CheckUser(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "root", "-x", "9x", "Zup", "a b", "a.b", "a:b", "a;id", "$(id)", "ä", "a\n", "%wheel", "ALL", "#0", "a/../b", strings.Repeat("a", 32)} {
		if err := CheckUser(name); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
}

// What is printed is valid for the shells that a node may have as sh, in its parts too.
func TestScriptsAreValid(t *testing.T) {
	r := small()
	r.Keys = []string{"restrict x"}
	for name, text := range map[string]string{"script": r.Script(), "install": r.Install(), "remove": r.Remove()} {
		if placeholder := regexp.MustCompile(`@[A-Z]+@`).FindString(text); placeholder != "" {
			t.Errorf("%s: %s is left", name, placeholder)
		}
		for _, shell := range []string{"dash", "bash"} {
			cmd := exec.Command(shell, "-n")
			cmd.Stdin = strings.NewReader(text)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s, %s: %v\n%s", name, shell, err, out)
			}
		}
	}
	// A connection that breaks off while it is read installs nothing.
	text := r.Install()
	for _, n := range []int{len(text) / 3, len(text) * 2 / 3, len(text) - 20} {
		cmd := exec.Command("sh")
		cmd.Stdin = strings.NewReader(text[:n])
		if out, _ := cmd.CombinedOutput(); strings.Contains(string(out), "zup reader:") || strings.Contains(string(out), "installed") {
			t.Errorf("cut off after %d bytes it began: %s", n, out)
		}
	}
}
