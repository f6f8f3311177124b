package main

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"zup/plan"
	"zup/plan/approval"
	"zup/plan/config"
	"zup/providers/zevenet/zevenettest"
)

// pairPlan is a plan for a pair in memory, whose nodes nobody can reach.
func pairPlan(t *testing.T, signers string) (*plan.Plan, *zevenettest.Pair) {
	t.Helper()
	pair := zevenettest.New("zva5n1", "zva5n2", "zva5n1", "disabled")
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("edge.zup.hcl", `cluster "zevenet" "edge" {
  version = "`+zevenettest.NewVersion+`"
  ssh {
    port = 1
    jump = "none"
  }
  node "zva5n1" { address = "127.0.0.1" }
  node "zva5n2" { address = "127.0.0.2" }
}
`)
	if signers != "" {
		write("allowed_signers", signers)
		write("a.zup.hcl", `approval { signers = "allowed_signers" }`)
	}
	cfg, diags := config.Load(dir, config.Options{Plan: plan.ConditionType()})
	if diags.HasErrors() {
		t.Fatal(diags.All)
	}
	var observed []plan.ObservedNode
	for _, name := range []string{"zva5n1", "zva5n2"} {
		observed = append(observed, plan.ObservedNode{Name: name, Facts: pair.FactsOf(name)})
	}
	in := plan.Input{
		Config: cfg, Observed: plan.Observed{"edge": observed},
		Providers: planners(), Version: version, Author: "dave@example.com", Change: "CHG0012345", Commit: "0123456789abcdef",
	}
	p, err := plan.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	p.Created = "2026-11-25T04:00:00Z"
	return p, pair
}

// Whatever byte of an approved plan is altered, apply refuses the file with 7, or it
// is the same plan, which the signature proves; then what ends it here is that its
// nodes can't be reached. Nothing is ever begun.
func TestAlteredPlansAreNotApplied(t *testing.T) {
	t.Parallel()
	key, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	p, _ := pairPlan(t, "alice@example.com "+string(ssh.MarshalAuthorizedKey(key.PublicKey())))
	var data, message bytes.Buffer
	if err := p.Encode(&data); err != nil {
		t.Fatal(err)
	}
	if err := p.EncodeIdentity(&message); err != nil {
		t.Fatal(err)
	}
	sig, err := approval.Sign(message.Bytes(), key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "edge.plan")
	if err := os.WriteFile(file+".alice.sig", sig, 0o600); err != nil {
		t.Fatal(err)
	}
	apply := func(text []byte) (code int, said string) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		env := []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
		code = run(t.Context(), []string{"apply", "-chdir", dir, "-input=false", file}, stdio{strings.NewReader(""), &out, &out}, env)
		return code, out.String()
	}
	const unreachable = "not every node can be asked whether it is as planned; nothing was changed"
	if code, said := apply(data.Bytes()); code != exitError || !strings.Contains(said, unreachable) {
		t.Fatalf("the plan itself: exit code %d\n%s", code, said)
	}
	refused, same := 0, 0
	for _, at := range positions(data.Bytes(), 2200) {
		altered := slices.Clone(data.Bytes())
		if altered[at]++; at%2 == 0 {
			altered = slices.Delete(altered, at, at+1)
		}
		switch code, said := apply(altered); {
		case code == exitDamaged:
			refused++
		case code == exitError && strings.Contains(said, unreachable) && strings.Contains(said, "127.0.0.1:1"):
			same++
		default:
			t.Fatalf("byte %d: exit code %d\n%s", at, code, said)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, ".zup")); refused < 2000 || same == 0 || err == nil {
		t.Errorf("%d refused, %d the same plan; something was begun: %v", refused, same, err == nil)
	}
}

// positions are about n places, even over the file, and all of the lines that are not
// part of a plan's ID.
func positions(data []byte, n int) []int {
	var all []int
	for at := 0; at < len(data); at += max(1, len(data)/n) {
		all = append(all, at)
	}
	for _, key := range []string{"commit", "created", "plan_id"} {
		start := bytes.Index(data, []byte("\n\""+key+"\":"))
		end := start + 1 + bytes.IndexByte(data[start+1:], '\n')
		for at := start; at <= end; at += max(1, (end-start)/300) {
			all = append(all, at)
		}
	}
	return all
}
