package plan_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"zup/plan"
	"zup/plan/config"
)

// demanding is a plan that needs two approvals.
func demanding(t *testing.T) *plan.Plan {
	t.Helper()
	in := manyPairs(1)
	in.Author, in.Change, in.Commit = "dave@example.com", "CHG0012345", "0123456789abcdef+"
	in.Config.Approval = &config.Approval{Required: 2, Signers: listed(t, "allowed_signers")}
	revoked := listed(t, "revoked_keys")
	in.Config.Approval.Revoked = &revoked
	p, err := plan.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	p.Created = "2026-11-25T04:00:00Z"
	return p
}

func listed(t *testing.T, name string) config.File {
	t.Helper()
	text, err := os.ReadFile("config/testdata/approval/" + name)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	return config.File{Path: name, SHA256: hex.EncodeToString(sum[:]), Text: string(text)}
}

// What a plan demands is in its file, fits the schema and is read back as it was.
func TestDemand(t *testing.T) {
	p := demanding(t)
	data := encoded(t, p)
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err == nil {
		err = schema.Validate(doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	back, err := plan.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	d, err := back.Demand()
	if err != nil || d.Required != 2 || d.Author != "dave@example.com" || len(d.Signers.List) != 2 || d.Signers.List[1].Name() != "bob@example.com" {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err := built(t, 1).Demand(); d != nil || err != nil {
		t.Errorf("without an approval block: %+v, %v", d, err)
	}
}

// Signatures are over the identity, so whatever decides about them is in it; and the
// bytes are those of the file without three lines.
func TestIdentityOfDemand(t *testing.T) {
	p := demanding(t)
	id := p.PlanID
	for name, change := range map[string]func(p *plan.Plan){
		"author":             func(p *plan.Plan) { p.Author = "erin@example.com" },
		"change":             func(p *plan.Plan) { p.Change = "" },
		"required":           func(p *plan.Plan) { p.Approval.Required = 1 },
		"author_may_approve": func(p *plan.Plan) { p.Approval.AuthorMayApprove = true },
		"signers":            func(p *plan.Plan) { p.Approval.Signers.Text += "\n" },
		"revoked":            func(p *plan.Plan) { p.Approval.Revoked = nil },
		"none":               func(p *plan.Plan) { p.Approval = nil },
	} {
		other := demanding(t)
		change(other)
		other.Identify()
		if other.PlanID == id {
			t.Errorf("%s is not part of the ID", name)
		}
	}
	var kept, identity bytes.Buffer
	for line := range bytes.Lines(encoded(t, p)) {
		key, _, _ := strings.Cut(string(line), ":")
		if key != `"commit"` && key != `"created"` && key != `"plan_id"` {
			kept.Write(line)
		}
	}
	if err := p.EncodeIdentity(&identity); err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(kept.Bytes()); !bytes.Equal(kept.Bytes(), identity.Bytes()) || hex.EncodeToString(sum[:]) != id {
		t.Error("the file without its three lines is not what was signed")
	}
}

// A plan whose approvals could not be counted is not a plan.
func TestApprovableRule(t *testing.T) {
	for want, change := range map[string]func(a *plan.Approval){
		"allowed_signers line 1: there is a name and no key": func(a *plan.Approval) { a.Signers.Text = "alice" },
		"revoked_keys line 1: ":                              func(a *plan.Approval) { a.Revoked.Text = "alice" },
		"0 approvals are not approvals":                      func(a *plan.Approval) { a.Required = 0 },
		"allowed_signers is not the file of its digest":      func(a *plan.Approval) { a.Signers.SHA256 = strings.Repeat("0", 64) },
		"revoked_keys is not the file of its digest":         func(a *plan.Approval) { a.Revoked.Text += "\n" },
	} {
		p := demanding(t)
		change(p.Approval)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err is %v, want %q", err, want)
		}
	}
}
