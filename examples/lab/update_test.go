//go:build linux

package main

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"zup/examples/lab/world"
)

// What a client is, as the lab calls it.
const (
	knows = "knows the VIP's MAC"
	anew  = "asks ARP anew each time"
)

// felt measures what clients feel while zup applies.
func (b *bench) felt(run func()) felt {
	b.Helper()
	w, err := startWatch(b.Context(), b.World)
	if err != nil {
		b.Fatal(err)
	}
	defer w.stop()
	least := time.After(wantedOne * w.interval * 11 / 10)
	run()
	<-least
	time.Sleep(time.Second)
	all, err := w.stop()
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("\n%s", all)
	return all
}

// readme compares what the README shows with what zup printed; -update writes it.
// Which plan and run it was, and how long it took, may differ.
func (b *bench) readme(part, printed string) {
	b.Helper()
	const page = "../../README.md"
	data, err := os.ReadFile(page)
	if err != nil {
		b.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(data), "<!-- "+part+": begin -->\n```text\n")
	shown, after, ok := strings.Cut(rest, "```\n<!-- "+part+": end -->")
	if !ok {
		b.Fatalf("the README has no %s", part)
	}
	printed = strings.TrimSpace(printed) + "\n"
	if *update {
		if err := os.WriteFile(page, []byte(before+"<!-- "+part+": begin -->\n```text\n"+printed+"```\n<!-- "+part+": end -->"+after), 0o644); err != nil {
			b.Fatal(err)
		}
		return
	}
	if got, want := timeless(shown), timeless(printed); got != want {
		b.Errorf("the README's %s is not what zup prints; write it with -update:\n%s\nis shown,\n%s\nwas printed", part, got, want)
	}
}

var update = flag.Bool("update", false, "write what the README shows")

// timeless replaces what differs between two runs.
func timeless(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		line = regexp.MustCompile(`Plan [0-9a-f]{12}|[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}`).ReplaceAllString(line, "ID")
		line = regexp.MustCompile(`( +[0-9]+ +[0-9]+)? +[0-9.]+ (ms|s|min)\b`).ReplaceAllString(line, " TIME")
		lines[i] = strings.TrimSpace(line)
	}
	if end := slices.Index(lines, ""); end > 0 && strings.Contains(lines[0], "done") {
		for i := range lines[:end] { // actions that run side by side end in any order
			lines[i] = regexp.MustCompile(`^[0-9]+/`).ReplaceAllString(lines[i], "N/")
		}
		slices.Sort(lines[:end])
	}
	return strings.Join(lines, "\n")
}

// noSecret looks for a secret in everything that zup left on control.
func (b *bench) noSecret(secret string) {
	b.Helper()
	out, err := b.Exec(b.Context(), world.Control, "sh", "-c", "grep -rlF -e '"+secret+"' -e 'PRIVATE KEY' "+workDir+" || true")
	if err != nil || out != "" {
		b.Errorf("a secret is in %s (%v)", out, err)
	}
}

// The main job. A plan leaves both nodes as they are, byte for byte; the update
// costs clients next to nothing; and no secret is in any file.
func TestUpdateDrain(t *testing.T) {
	undisturbed(t, func(t *testing.T) felt {
		b := newBench(t, world.Options{}, world.ConfigOptions{Interval: "5ms"})
		before := b.files()
		shown := b.wants(2, []string{`6\.1\.19 → 6\.1\.20 on zva5n2, then zva5n1`}, "plan", "-detailed-exitcode")
		b.wants(2, nil, "plan", "-detailed-exitcode", "-out", "edge.plan")
		b.untouched(before)
		b.readme("plan", "$ zup plan\n"+shown)
		all := b.felt(func() {
			out := b.wants(0, []string{
				`edge: verified: zva5n1 and zva5n2 run 6\.1\.20, zva5n1 is MASTER, nothing is open`,
				`edge, probe web1, whole run +\d{4,} `,
			}, "apply", "edge.plan")
			b.Logf("\n%s", out)
			b.readme("apply", out[strings.Index(out, "22/25 done"):])
		})
		b.atRest("zva5n1")
		b.wants(3, []string{`applied before`}, "apply", "edge.plan")
		b.noSecret(world.LicenceSerial)
		return all
	}, knows)
}

// With boost even clients that ask ARP anew for every request feel next to nothing.
func TestUpdateBoost(t *testing.T) {
	undisturbed(t, func(t *testing.T) felt {
		// The product's own interval: with the lab's, a busy machine takes longer from one
		// action to the next than the raised priority takes to win by itself.
		b := newBench(t, world.Options{Deadratio: 5}, world.ConfigOptions{Boost: true, Interval: "5ms"})
		all := b.felt(func() { b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve") })
		b.atRest("zva5n1")
		return all
	}, knows, anew)
}

// The old MASTER's services stop at the very first moment of its update: it may be
// touched only once nobody needs it any more. A zup that does not look is caught, however
// slow the machine is: the other node's takeover is later still.
func TestOldMasterIsTouchedOnlyWhenNobodyNeedsIt(t *testing.T) {
	oneOfMany(t, false)
	needsTime(t)
	t.Run("zup", func(t *testing.T) {
		undisturbed(t, func(t *testing.T) felt {
			b := newBench(t, world.Options{Fault: "late-takeover"}, world.ConfigOptions{Interval: "5ms"})
			return b.felt(func() { b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve") })
		}, knows)
	})
	t.Run("handicapped", func(t *testing.T) {
		b := newBenchWith(t, world.Options{Fault: "late-takeover"}, world.ConfigOptions{}, handicapped)
		b.env = []string{"ZUP_HANDICAP=settle"}
		all := b.felt(func() { b.wants(0, nil, "apply", "-auto-approve") })
		var j judgement
		if settled, fine := j.add(all.beyondReference(knows)); fine || !settled {
			t.Errorf("a zup that does not wait: %v: the lab can't tell", j.all)
		}
	})
}

// The vendor's order is carried out as asked, and its gap reported as measured.
func TestUpdateRestart(t *testing.T) {
	b := newBench(t, world.Options{}, world.ConfigOptions{Switchover: "restart", Interval: "5ms"})
	all := b.felt(func() {
		b.wants(0, []string{`edge: verified`, `zva5n1\.update +\d+ +\d+ +[0-9.]+ m?s`}, "apply", "-auto-approve")
	})
	if felt := all.beyondReference(knows); felt.vip <= felt.others {
		t.Errorf("a stop of MASTER's services should be felt: %v", felt)
	}
	b.atRest("zva5n1")
}
