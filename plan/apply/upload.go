package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zup/plan"
)

// Uploader is a Host that takes files.
type Uploader interface {
	// Upload sends a file, or what is missing of it, and has the node verify it.
	// It may be called again at any time.
	Upload(ctx context.Context, u Upload) (UploadResult, error)
}

// Upload is a file for a node.
type Upload struct {
	plan.Transfer
	Progress func(there int64) // told a few times a second how many bytes are there
}

// UploadResult says how an upload went, also where it ended with an error.
type UploadResult struct {
	There    bool          // the file was there already
	Resumed  int64         // bytes of an earlier attempt that were not sent again
	Dropped  int64         // bytes of an earlier attempt that were damaged
	Sent     int64         // bytes that went over the wire
	Over     string        // by which way
	Why      string        // why not by the usual one
	Attempts int           // connections that it took
	Took     time.Duration // without looking for what was there
}

// upload runs the action's script, if it has one, sends its file, and waits until
// its check holds.
func (b *branch) upload(ctx context.Context, a *plan.Action) *Stop {
	t, err := b.transcript(a)
	if err != nil {
		return &Stop{Kind: StopFailed, Why: "could not be written down, and so was not begun: " + err.Error()}
	}
	defer t.close()
	exit := 0
	if a.Script != "" {
		exit, err = b.execute(ctx, a, b.jobID(a.ID), a.Script, t)
	}
	if err == nil && exit == 0 {
		err = b.transfer(ctx, a, t)
	}
	t.ended(exit, err)
	if stop := t.judge(exit, err); stop != nil {
		return stop
	}
	return b.until(ctx, a, a.Check, time.Duration(a.CheckS)*time.Second)
}

func (b *branch) transfer(ctx context.Context, a *plan.Action, t *transcript) error {
	host, err := b.dial(ctx, a.Node)
	if err != nil {
		return err
	}
	to, ok := host.(Uploader)
	if !ok {
		return fmt.Errorf("no file can be sent to %s", a.Node)
	}
	late := errors.New("not everything was sent within " + round(a.Timeout()))
	ctx, cancel := context.WithTimeoutCause(ctx, a.Timeout(), late)
	defer cancel()
	p := progress{began: time.Now(), first: -1}
	res, err := to.Upload(ctx, Upload{Transfer: *a.Upload, Progress: func(there int64) {
		e := p.event(there, a.Upload.Size, time.Now())
		b.event(b.about(b.index(a), e))
	}})
	for _, line := range res.lines(a.Upload) {
		t.output([]byte("zup: " + line + "\n"))
	}
	if err == nil {
		t.output([]byte("zup: the node has computed the SHA-256 " + a.Upload.SHA256 + ", as it must be\n"))
	}
	return err
}

// lines is what a reader wants to know of a transfer.
func (r UploadResult) lines(u *plan.Transfer) []string {
	if r.There {
		return []string{u.To + " is there already; nothing was sent"}
	}
	var all []string
	if r.Resumed > 0 {
		all = append(all, fmt.Sprintf("resumed: %d of %d bytes were there from an earlier attempt and are right", r.Resumed, u.Size))
	}
	if r.Dropped > 0 {
		all = append(all, fmt.Sprintf("dropped: %d bytes of an earlier attempt are damaged or do not belong there", r.Dropped))
	}
	if r.Why != "" {
		all = append(all, "not over sftp: "+r.Why)
	}
	if r.Over != "" {
		all = append(all, fmt.Sprintf("sent %d bytes over %s in %s, %s/s", r.Sent, r.Over, round(r.Took), bytesText(rate(r.Sent, r.Took))))
	}
	if r.Attempts > 1 {
		all = append(all, fmt.Sprintf("the connection was lost on the way: it took %d connections", r.Attempts))
	}
	return all
}

// progress knows since when bytes are sent, to tell at what rate.
type progress struct {
	began time.Time
	first int64 // what was there when the first was sent; -1: not known yet
}

func (p *progress) event(there, size int64, now time.Time) Event {
	if p.first < 0 {
		p.began, p.first = now, there
	}
	e := Event{Kind: ActionProgress, Bytes: there, Size: size, Rate: rate(there-p.first, now.Sub(p.began))}
	e.Text = fmt.Sprintf("%d %% of %s", 100*there/max(size, 1), bytesText(size))
	if e.Rate > 0 {
		e.Text += ", " + bytesText(e.Rate) + "/s"
	}
	return e
}

// rate is in bytes a second; 0 where it can't be told.
func rate(sent int64, took time.Duration) int64 {
	if took <= 0 || sent <= 0 {
		return 0
	}
	return int64(float64(sent) / took.Seconds())
}

// bytesText is a number of bytes for people: "812 MiB", "11.2 MiB", "900 KiB".
func bytesText(n int64) string {
	switch {
	case n >= 100<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
