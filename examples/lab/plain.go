//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"zup/examples/lab/world"
)

// plainIntroduction is what the lab of ordinary nodes says first.
const plainIntroduction = `A pair of ordinary Debian nodes on this machine: systemd, keepalived and a web server from
Debian's own packages. Nothing of it is emulated.`

// plain shows the update of a pair of ordinary Debian nodes.
func plain(soft, hard context.Context, c choices) error {
	p := newProgress(os.Stdout)
	defer p.end()
	fmt.Print(plainIntroduction, "\n\n")
	p.step("build zup")
	zup, err := world.Build(soft, "zup/cmd/zup")
	if err != nil {
		return err
	}
	w, err := world.StartPlain(soft, world.PlainOptions{
		Web: c.web, Debian: c.debian, NoPreempt: c.nopreempt, TrackFile: c.trackFile, Instances: c.instances,
		Progress: func(step string) { p.step(step) },
	})
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.WriteFile(soft, world.Control, world.Home+"/bin/zup", zup, 0o755); err != nil {
		return fmt.Errorf("install zup on control: %w", err)
	}
	config, err := plainConfig(soft, w, c)
	if err != nil {
		return err
	}
	if err := w.WriteFile(soft, world.Control, workDir+"/lab.zup.hcl", []byte(config), 0o644); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	p.end()
	if c.demo {
		err = updatePlain(soft, hard, w, c)
	}
	if c.keep && soft.Err() == nil {
		if err != nil {
			fmt.Fprintf(os.Stderr, "\nlab: error: %v\n", err)
		}
		fmt.Print(howToPlay(w))
		<-soft.Done()
		return nil
	}
	return errors.Join(err, soft.Err())
}

// plainConfig is what a person would write for zup.
func plainConfig(ctx context.Context, w *world.World, c choices) (string, error) {
	versions, err := w.Versions(ctx)
	if err != nil {
		return "", err
	}
	var packages strings.Builder
	for line := range strings.Lines(versions) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		_, to, _ := strings.Cut(rest, " ")
		if name == "keepalived" || strings.HasPrefix(name, c.web) {
			fmt.Fprintf(&packages, "    %s = %q\n", name, to)
		}
	}
	return w.PlainConfig(packages.String(), c.drain), nil
}

// updatePlain updates the pair with zup and judges the outcome without it.
func updatePlain(soft, hard context.Context, w *world.World, c choices) error {
	before, err := lookPlain(soft, w)
	if err != nil {
		return err
	}
	u, err := watchedUpdate(soft, hard, w, c)
	if err != nil || soft.Err() != nil {
		return err
	}
	findings, err := verifyPlain(soft, w, before)
	if err != nil {
		return err
	}
	fmt.Printf("\nChecked on the nodes, without zup:\n\n%s", table(findings))
	return verdict(findings, u.planned, u.applied, u.again)
}

// lookPlain says of each node what must be the same afterwards.
func lookPlain(ctx context.Context, w *world.World) (map[string]string, error) {
	all := map[string]string{}
	for _, n := range w.Clusters[0].Nodes {
		const look = `find /etc/keepalived /etc/haproxy /etc/nginx /tmp -type f ! -name '*.dpkg-*' -exec sha256sum {} + 2>/dev/null | sort -k 2; ls -A /tmp; ip -o addr show dev eth0 | awk '{ print $4 }' | sort`
		out, err := w.Exec(ctx, n.Name, "sh", "-c", look)
		if err != nil {
			return nil, err
		}
		all[n.Name] = out
	}
	return all, nil
}

// verifyPlain looks whether everything has its new version and runs it, and everything else
// is as it was: files, addresses, nothing of zup's.
func verifyPlain(ctx context.Context, w *world.World, before map[string]string) ([]finding, error) {
	after, err := lookPlain(ctx, w)
	if err != nil {
		return nil, err
	}
	config, err := w.Exec(ctx, world.Control, "cat", workDir+"/lab.zup.hcl")
	if err != nil {
		return nil, err
	}
	var all []finding
	for _, n := range w.Clusters[0].Nodes {
		const look = `while read -r name old new; do
	case $WANTED in *" $name = "*) [ "$(dpkg-query -W -f='${Version}' "$name")" = "$new" ] || echo "$name is not $new" ;; esac
done </lab/versions
for pid in $(pidof haproxy nginx keepalived); do case $(readlink /proc/$pid/exe) in *deleted*) echo "$pid runs an old program" ;; esac; done
systemctl -q is-active keepalived || echo 'keepalived is not active'
[ -z "$(dpkg --audit)" ] || echo 'dpkg --audit complains'
[ ! -e /var/lib/zup ] || echo '/var/lib/zup is there'`
		out, err := w.Exec(ctx, n.Name, "env", "WANTED="+config, "sh", "-c", look)
		if err != nil {
			return nil, err
		}
		out = strings.ReplaceAll(strings.TrimSpace(out), "\n", "; ")
		all = append(all, finding{where: n.Name, what: orElse(out, "runs the new packages, and nothing of zup's is left"), ok: out == ""})
		same := after[n.Name] == before[n.Name]
		what := "files and addresses are as before"
		if !same {
			what = fmt.Sprintf("files or addresses are not as before:\n%s\nwere\n%s", after[n.Name], before[n.Name])
		}
		all = append(all, finding{where: n.Name, what: what, ok: same})
	}
	return all, nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
