package ssh

import (
	"strings"
	"testing"
)

func TestJobLocal(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	var live strings.Builder
	res, err := h.Job(short(t), Job{ID: "run/edge.zva5n1.update", Script: "echo one; sleep 0.2; echo two >&2; exit 4",
		Output: func(b []byte) { live.Write(b) }})
	if err != nil {
		t.Fatal(err)
	}
	if res.Exit != 4 || res.Attached || string(res.Output) != "one\ntwo\n" || live.String() != "one\ntwo\n" || res.Bytes != 8 {
		t.Errorf("%+v, live %q", res, live.String())
	}
	t.Log(res.Duration)
}

func TestJobPromptsLocal(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	res, err := h.Job(short(t), Job{ID: "run/prompts", Script: `printf 'Sure? [y/N] '; read a; echo "got $a"; printf 'Go on? [Y/n] '; read b; echo "got $b"`,
		Prompts: []Prompt{{Name: "sure", Match: `Sure\? `, Answer: "y"}, {Name: "go-on", Match: `Go on\?`, Answer: "Y"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(res.Output), "Sure? [y/N] y\ngot y\nGo on? [Y/n] Y\ngot Y\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	t.Log(res.Duration)
}
