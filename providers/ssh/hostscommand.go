package ssh

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"zup/plan/disk"
	"zup/plan/shell"
	"zup/providers/ssh/sshconfig"
)

// A hostsCommand is a program that prints lines of known_hosts, as KnownHostsCommand says.
type hostsCommand struct {
	argv    []string // tokens not yet expanded
	tokens  map[byte]string
	md5     bool   // FingerprintHash
	command string // as it stands there
	at      string // FILE:LINE of ssh_config
}

// String is how errors call it.
func (h *hostsCommand) String() string { return "the KnownHostsCommand of " + h.at }

// hostsCommand returns what KnownHostsCommand says, nil where nobody does.
func (w *words) hostsCommand(knownAs string) *hostsCommand {
	v, ok := w.settings.Value("KnownHostsCommand")
	if !ok || strings.EqualFold(v.Args[0], "none") {
		return nil
	}
	h := &hostsCommand{tokens: maps.Clone(w.tokens), command: v.Args[0], at: v.At()}
	names := map[byte]string{'H': hostOnly(knownAs)}
	for _, token := range []byte("hnrk") {
		names[token] = w.tokens[token]
	}
	hash := w.settings.Get("FingerprintHash")
	h.md5 = strings.EqualFold(hash, "md5")
	err := errors.Join(w.own(v), harmless(h.command, names))
	if err == nil {
		h.argv, err = sshconfig.Argv(h.command)
	}
	switch {
	case err != nil:
	case len(h.argv) == 0:
		err = errors.New("nothing follows")
	case !filepath.IsAbs(h.argv[0]):
		err = fmt.Errorf("%q must begin with /: ssh does not look for it in PATH", h.argv[0])
	case strings.Contains(h.command, "%f") && hash != "" && !h.md5 && !strings.EqualFold(hash, "sha256"):
		err = fmt.Errorf("zup has no %%f for FingerprintHash %s", hash)
	default: // what can't be expanded is found before anything is connected to
		_, err = h.expanded("ORDER", knownAs, nil)
	}
	if err != nil {
		w.refuse(v, "KnownHostsCommand", err)
		return nil
	}
	return h
}

// expanded returns the program and its arguments for one question: why it is asked, the
// name that is looked for, and the key that the host has shown, nil for none yet.
func (h *hostsCommand) expanded(why, name string, key ssh.PublicKey) ([]string, error) {
	tokens := maps.Clone(h.tokens)
	tokens['I'], tokens['H'], tokens['t'], tokens['f'], tokens['K'] = why, name, "NONE", "NONE", "NONE"
	if key != nil {
		bare := key
		if cert, ok := key.(*ssh.Certificate); ok {
			bare = cert.Key
		}
		tokens['t'], tokens['f'], tokens['K'] = key.Type(), ssh.FingerprintSHA256(bare), base64.StdEncoding.EncodeToString(key.Marshal())
		if h.md5 {
			tokens['f'] = "MD5:" + ssh.FingerprintLegacyMD5(bare)
		}
	}
	argv := []string{h.argv[0]}
	for _, arg := range h.argv[1:] {
		arg, err := sshconfig.Expand(arg, tokens, true)
		if err != nil {
			return nil, err
		}
		argv = append(argv, arg)
	}
	return argv, nil
}

// ask runs the command and returns the lines that it has printed about name. If it fails,
// nothing is known about any host key: that is an error, as for ssh.
func (h *hostsCommand) ask(ctx context.Context, d *Dialer, why, name string, key ssh.PublicKey) (knownLines, error) {
	argv, err := h.expanded(why, name, key)
	var text []byte
	if err == nil {
		text, err = d.output(ctx, argv)
	}
	if err != nil {
		return nil, h.failed(fmt.Errorf("asked for %s (%s): %w", name, why, err))
	}
	lines, _ := knownLinesOf(text, name, name, knownLine{by: h})
	return lines, nil
}

func (h *hostsCommand) failed(err error) error {
	argv := h.argv
	if all, err := h.expanded("ORDER", h.tokens['h'], nil); err == nil {
		argv = all
	}
	return &ConfigError{
		File: h.at, Err: fmt.Errorf("KnownHostsCommand: %w", err),
		hint: "while it fails, no host key can be trusted; see what it does alone: " + shell.Command(argv...),
	}
}

// output runs a program without a shell and returns what it prints. It has nothing on its
// standard input. When ctx is done it is ended.
func (d *Dialer) output(ctx context.Context, argv []string) ([]byte, error) {
	if _, err := disk.Stat(argv[0]); err != nil {
		return nil, err
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p, err := d.start(argv, streams{out: stdout})
	if err != nil {
		return nil, err
	}
	defer p.leave()
	stop := context.AfterFunc(ctx, func() {
		out.Close()
		p.end()
	})
	defer stop()
	var text bytes.Buffer
	n, err := io.Copy(&text, io.LimitReader(out, disk.MaxKnownHosts+1))
	if err == nil && n > disk.MaxKnownHosts {
		return nil, &disk.SizeError{Limit: disk.MaxKnownHosts, Size: n}
	}
	if err == nil { // it has closed its output, and may take a moment to end
		select {
		case <-p.ended:
		case <-ctx.Done():
		}
	}
	status, said := p.said()
	switch {
	case ctx.Err() != nil && said != "":
		return nil, fmt.Errorf("%w, and it has not ended; it said: %s", context.Cause(ctx), said)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w, and it has not ended", context.Cause(ctx))
	case err != nil:
		return nil, err
	case p.err != nil && said != "":
		return nil, fmt.Errorf("%s; it said: %s", status, said)
	case p.err != nil:
		return nil, errors.New(status)
	}
	return text.Bytes(), nil
}
