package ssh

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// What a script has named as secret leaves the node as asterisks, wherever pieces of
// the output begin and end, and whoever attaches where.
func TestSecretsStayOnTheNode(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	const name = `printf '%s\n' CANARY-one 'CANARY-one-longer' short 'with $(id) and \' >"$ZUP_SECRETS"` + "\n"
	for i, c := range []struct{ script, want string }{
		{`echo a CANARY-one b; echo CANARY-one-longer >&2; echo short; echo 'with $(id) and \'`, "a ********** b\n*****************\nshort\n****************\n"},
		{`echo CANARY-oneCANARY-one; echo xCANARY-on; echo CANARY`, "********************\nxCANARY-on\nCANARY\n"},
		{`printf CANARY-; sleep 0.2; printf one; sleep 0.2; printf -- -longer; sleep 0.2; printf ' CANARY-on'`, "***************** CANARY-on"},
		{`printf 'Password for CANARY-one: '; read x; echo "<$x>"`, "Password for **********: <>\n"},
	} {
		for _, pty := range []bool{false, true} {
			res := follow(t, h, Job{ID: fmt.Sprintf("secret/%d.%v", i, pty), Script: name + c.script, PTY: pty && !strings.Contains(c.script, "read")})
			if string(res.Output) != c.want || res.Bytes != int64(len(c.want)) {
				t.Errorf("%s: %q (%d bytes), want %q", c.script, res.Output, res.Bytes, c.want)
			}
		}
	}
	const before, after = "a CANARY-one b\n", "a ********** b\n"
	job := Job{ID: "secret/attached", Script: name + "echo a CANARY-one b"}
	for offset := range len(before) {
		job.Offset = int64(offset)
		if res := follow(t, h, job); string(res.Output) != after[offset:] {
			t.Errorf("from byte %d: %q", offset, res.Output)
		}
	}
}

// A large output with secrets at random places, many of them across what is read at
// once, comes back blotted and otherwise byte for byte.
func TestSecretsInALargeOutput(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	r := rand.New(rand.NewPCG(1, 2))
	var text, want bytes.Buffer
	for text.Len() < 400_000 {
		noise := bytes.Repeat([]byte("CANARY"[:1+r.IntN(6)]), r.IntN(3000))
		text.Write(noise)
		want.Write(noise)
		text.WriteString("CANARY-one!")
		want.WriteString("**********!")
	}
	file := t.TempDir() + "/text"
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	res := follow(t, h, Job{ID: "secret/large", Script: "echo CANARY-one >\"$ZUP_SECRETS\"; cat " + Quote(file)})
	if !bytes.Equal(res.Output, want.Bytes()[max(0, want.Len()-len(res.Output)):]) || res.Bytes != int64(want.Len()) {
		t.Errorf("%d bytes came back, %d were wanted", len(res.Output), want.Len())
	}
	if bytes.Contains(res.Output, []byte("CANARY-one")) {
		t.Error("a secret came through")
	}
}
