package apply

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zup/plan"
	"zup/plan/stream"
)

// shelf is a place that takes files.
type shelf struct {
	place
	upload func(context.Context, Upload) (UploadResult, error)
}

func (s shelf) Upload(ctx context.Context, u Upload) (UploadResult, error) { return s.upload(ctx, u) }

func uploadAction(id, node string) plan.Action {
	a := action(id, node, "version", "2")
	a.Primitive, a.Detached, a.Script = plan.Upload, false, "make ready"
	a.Opens, a.TimeoutS = []string{node + "/image"}, 60
	a.Upload = &plan.Transfer{From: "x.iso", To: "/x.iso", Part: "/x.iso.part", Size: 100 << 20, SHA256: strings.Repeat("a", 64)}
	return a
}

// uploads applies an upload on edge1, then an action that takes the file away.
func (w *world) uploads(upload func(context.Context, Upload) (UploadResult, error), change ...func(*Options)) (*Report, error) {
	one := uploadAction("edge.one", "edge1")
	two := action("edge.two", "edge2", "version", "2")
	two.Closes = []string{"edge1/image"}
	w.do["edge.two"] = w.sets("edge2", "version", "2")
	dial := func(_ context.Context, _ *plan.Cluster, n *plan.Node) (Host, error) {
		return shelf{place{w, n.Name}, upload}, nil
	}
	return w.apply(planOf([]plan.Cluster{cluster("edge")}, one, two), append(change, func(o *Options) { o.Dial = dial })...)
}

func (w *world) transcriptOf(action string) string {
	text, err := os.ReadFile(filepath.Join(w.dir, "run", "transcripts", action+".txt"))
	if err != nil {
		w.t.Error(err)
	}
	return string(text)
}

// An upload runs its script, sends what the plan says, tells how far it is and at
// what rate, and is done when its check holds.
func TestUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "edge1", "edge2")
		ready := false
		w.do["make ready"] = func(context.Context, func([]byte)) (int, error) {
			ready = true
			return 0, nil
		}
		var said []Event
		_, err := w.uploads(func(_ context.Context, u Upload) (UploadResult, error) {
			if !ready || u.To != "/x.iso" || u.Size != 100<<20 {
				t.Errorf("ready %t, sends %+v", ready, u.Transfer)
			}
			u.Progress(20 << 20)
			time.Sleep(4 * time.Second)
			u.Progress(60 << 20)
			time.Sleep(4 * time.Second)
			u.Progress(100 << 20)
			w.set("edge1", "version", "2")
			return UploadResult{Resumed: 20 << 20, Dropped: 7, Sent: 80 << 20, Over: "sftp", Attempts: 2, Took: 8 * time.Second}, nil
		}, func(o *Options) {
			o.Events = func(e Event) {
				if e.Kind == ActionProgress {
					said = append(said, e)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(said) != 3 || said[1].Text != "60 % of 100 MiB, 10.0 MiB/s" || said[1].Bytes != 60<<20 || said[1].Size != 100<<20 || said[1].Rate != 10<<20 || said[1].Action != "edge.one" || said[1].Index != 1 {
			t.Errorf("%+v", said)
		}
		text := w.transcriptOf("edge.one")
		for _, want := range []string{"make ready", "resumed: 20971520 of 104857600 bytes", "dropped: 7 bytes", "sent 83886080 bytes over sftp in 8s, 10.0 MiB/s", "it took 2 connections", "SHA-256 aaaa"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
		lines, _ := os.ReadFile(filepath.Join(w.dir, "run", "events.jsonl"))
		if !slices.ContainsFunc(strings.Split(string(lines), "\n"), func(line string) bool {
			var m stream.Message
			return json.Unmarshal([]byte(line), &m) == nil && m.Type == stream.TypeApplyProgress && m.Hook.Bytes == 100<<20
		}) {
			t.Errorf("events.jsonl does not say how far it is:\n%s", lines)
		}
	})
}

// An upload that fails, is late, or whose node is not ready stops the run; what it
// opened stays open.
func TestUploadStops(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ready  int // exit status of the script
		upload func(context.Context, Upload) (UploadResult, error)
		why    string
	}{
		{"script", 1, nil, "its script ended with status 1"},
		{"error", 0, func(context.Context, Upload) (UploadResult, error) {
			return UploadResult{}, errors.New("disk full\x1b[2J")
		}, `disk full\x1b[2J`},
		{"late", 0, func(ctx context.Context, _ Upload) (UploadResult, error) {
			<-ctx.Done()
			return UploadResult{}, context.Cause(ctx)
		}, "not everything was sent within"},
		{"check", 0, func(context.Context, Upload) (UploadResult, error) { return UploadResult{}, nil }, "not everything was as it must be"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "edge1", "edge2")
				w.do["make ready"] = func(context.Context, func([]byte)) (int, error) { return tt.ready, nil }
				report, err := w.uploads(tt.upload)
				if err == nil {
					t.Fatal("it went on")
				}
				stop := report.Clusters[0].Stop
				if stop == nil || !strings.Contains(stop.Why, tt.why) || strings.Contains(stop.Why, "\x1b") {
					t.Errorf("%+v", stop)
				}
				if known := w.store.State().Cluster("edge"); !known.IsOpen("edge1/image") || !report.Changed() {
					t.Errorf("%+v", known)
				}
			})
		})
	}
}

// A host that takes no files is an error, not a silent success.
func TestUploadNeedsAnUploader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "edge1", "edge2")
		w.do["make ready"] = w.sets("edge1", "version", "2")
		one := uploadAction("edge.one", "edge1")
		two := action("edge.two", "edge2", "version", "2")
		two.Closes = one.Opens
		if _, stop := w.stopOf(planOf([]plan.Cluster{cluster("edge")}, one, two)); !strings.Contains(stop.Why, "no file can be sent to edge1") {
			t.Errorf("%+v", stop)
		}
	})
}
