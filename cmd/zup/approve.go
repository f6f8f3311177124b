package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	xssh "golang.org/x/crypto/ssh"

	"zup/plan"
	"zup/plan/approval"
	"zup/plan/disk"
	"zup/plan/escape"
	"zup/plan/shell"
	"zup/plan/show"
	"zup/providers/ssh"
)

// approving is one run of zup approve.
type approving struct {
	*cli
	key   string
	input bool
}

func (c *cli) approveCommand() *cobra.Command {
	a := &approving{cli: c}
	cmd := &cobra.Command{
		Use:   "approve FILE",
		Short: "Sign a saved plan with your SSH key",
		Long: `approve signs a plan that "zup plan -out FILE" wrote, and writes the signature
beside it: FILE.YOURNAME.sig. Read the plan first: zup show FILE.

Whose signatures a plan needs says the approval block of the configuration. Your
key is found in the agent, security keys among them, or in ~/.ssh; with -key it is
the one in that file. A signature that would not count is not made. It is in the
format of ssh-keygen, which can verify it and make one too.`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.approve(cmd.Context(), args[0]) },
	}
	cmd.Flags().StringVar(&a.key, "key", "", "sign with the key in this `file`, or with the agent's key of this public key file")
	cmd.Flags().BoolVar(&a.input, "input", true, "ask for what is missing, such as the passphrase of a key")
	return cmd
}

func (a *approving) approve(ctx context.Context, path string) error {
	p, err := readPlan(path)
	if err != nil {
		return err
	}
	if err := prove(p); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	d, err := p.Demand()
	switch {
	case err != nil:
		return err
	case d == nil:
		return fail(exitError, "an approval block in the configuration demands some, and names who may sign", "%s demands no approvals", path)
	}
	if err := inTime(p, a.now()); err != nil {
		return err
	}
	dialer := &ssh.Dialer{Home: a.getenv("HOME"), Notice: a.note}
	if a.input {
		dialer.Passphrase = a.passphrase
	}
	keys, err := dialer.SigningKeys(ctx, a.key)
	if err != nil {
		return err
	}
	key, line, err := a.choose(d, keys)
	if err != nil {
		return err
	}
	signer := &d.Signers.List[line]
	if err := placeForSignature(path, signatureFile(path, signer)); err != nil {
		return err
	}
	file, err := a.sign(p, d, key, signatureFile(path, signer))
	if err != nil {
		return err
	}
	return a.tell(p, d, path, fmt.Sprintf("Signed as %s, with %s (%s).\nWritten to %s.",
		escape.Name(signer.Name()), xssh.FingerprintSHA256(key.Public), escape.Name(key.Source), escape.Name(file)))
}

// choose returns the one key that may sign, and its line in the signers file.
func (a *approving) choose(d *approval.Demand, keys []ssh.SigningKey) (*ssh.SigningKey, int, error) {
	best, line, whys := -1, -1, []string{}
	for i, k := range keys {
		at, why := d.May(k.Public, a.now())
		switch {
		case why != "":
			whys = append(whys, fmt.Sprintf("  %s, %s: %s", k.Source, xssh.FingerprintSHA256(k.Public), why))
		case best < 0:
			best, line = i, at
		case !d.Signers.Same(line, at): // of one's own keys the first will do
			return nil, 0, usagef("say which one: -key FILE", "several of your keys may sign: %s and %s", keys[best].Source, k.Source)
		}
	}
	switch {
	case best >= 0:
		return &keys[best], line, nil
	case len(whys) == 0:
		return nil, 0, fail(exitError, "ssh-add one, or give -key FILE", "no key was found: the agent has none, nor has ~/.ssh")
	}
	return nil, 0, fail(exitRule, "zup show says who may sign", "no signature of yours would count; none was made\n%s", joinLines(whys))
}

// sign writes the signature and returns its file.
func (a *approving) sign(p *plan.Plan, d *approval.Demand, key *ssh.SigningKey, file string) (string, error) {
	message, err := identity(p)
	if err != nil {
		return "", err
	}
	signer, err := key.Signer()
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(key.Public.Type(), "sk-") {
		fmt.Fprintln(a.err, "Touch the security key.")
	}
	text, err := approval.Sign(message, signer)
	if err != nil {
		return "", fail(exitError, "", "sign with %s: %w", key.Source, err)
	}
	if v := d.Judge(message, []approval.Signature{{Name: file, Text: text}}, a.now()); !v.Votes[0].Counts {
		return "", fail(exitError, "", "sign with %s: %s", key.Source, v.Votes[0].Why)
	}
	return file, writeSignature(file, text)
}

// writeSignature replaces a file as a whole.
func writeSignature(file string, text []byte) error {
	if err := disk.ReplaceBy(file, 0o644, text); err != nil {
		return fail(exitError, hintOf(disk.Own(err)), "write approval: %w", err)
	}
	return nil
}

// signatureFile names the file for a signer's signature. A name that does not fit
// into one gets a part of the key behind it, so that no two share a file.
func signatureFile(path string, s *approval.Signer) string {
	name := strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@._+-", r)) {
			return r
		}
		return '_'
	}, s.Name())
	if name != s.Name() || len(name) > 100 {
		sum := sha256.Sum256(s.Key.Marshal())
		name = name[:min(len(name), 100)] + "-" + hex.EncodeToString(sum[:4])
	}
	return path + "." + name + signatureEnd
}

// tell writes what was signed, and what is still missing.
func (a *approving) tell(p *plan.Plan, d *approval.Demand, path, done string) error {
	v, _, err := judgeBy(d, p, path, a.now())
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Plan %.12s", escape.Name(p.PlanID))
	if p.Change != "" {
		fmt.Fprintf(a.out, " for %s", escape.Name(p.Change))
	}
	fmt.Fprintf(a.out, ", made by %s", escape.Name(p.Author))
	if p.Commit != "" {
		fmt.Fprintf(a.out, " from commit %s", escape.Name(p.Commit))
		if note := show.CommitNote(p.Commit); note != "" {
			fmt.Fprintf(a.out, " (%s)", note)
		}
	}
	fmt.Fprintf(a.out, ".\n%s\n\n", done)
	if err := show.Approvals(a.out, v, a.show(false)); err != nil {
		return err
	}
	if v.Enough() {
		fmt.Fprintf(a.out, "\nTo carry out exactly this plan:\n  %s\n", a.command("apply", shell.File(path)))
	}
	return nil
}
