package review_test

import (
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"zup/plan/review"
)

// checks.js looks at a page as somebody does who can't see it, or has no mouse.
//
//go:embed testdata/checks.js
var ownChecks string

// browser is Debian's Chromium, without a window and without a network.
func browser(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		if os.Getenv("ZUP_CI") == "1" {
			t.Fatal("there is no Chromium: apt-get install chromium")
		}
		t.Skip("there is no Chromium: apt-get install chromium")
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND"))...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 8*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// visit is what a page asked the network for when it was loaded.
type visit struct {
	mu      sync.Mutex
	asked   map[network.RequestID]string // URLs
	blocked map[network.RequestID]string // why the page may not have them
}

// open loads a page in a tab of its own.
func open(t *testing.T, ctx context.Context, text string, actions ...chromedp.Action) *visit {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tab, cancel := chromedp.NewContext(ctx)
	defer cancel()
	v := &visit{asked: map[network.RequestID]string{}, blocked: map[network.RequestID]string{}}
	chromedp.ListenTarget(tab, func(e any) {
		v.mu.Lock()
		defer v.mu.Unlock()
		switch e := e.(type) {
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; u != "file://"+path && !strings.HasPrefix(u, "data:") { // in place of a frame that is blocked the browser shows a picture of its own
				v.asked[e.RequestID] = u
			}
		case *network.EventLoadingFailed:
			v.blocked[e.RequestID] = string(e.BlockedReason)
		}
	})
	all := append([]chromedp.Action{network.Enable(), chromedp.Navigate("file://" + path), chromedp.WaitReady("body")}, actions...)
	if err := chromedp.Run(tab, all...); err != nil {
		t.Fatal(err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v
}

// view is how a page is looked at.
type view struct {
	name  string
	width int64
	mode  string
}

var views = []view{{"wide, light", 1280, "light"}, {"wide, dark", 1280, "dark"}, {"narrow, light", 400, "light"}, {"narrow, dark", 400, "dark"}}

func (v view) emulate() chromedp.Tasks {
	return chromedp.Tasks{
		emulation.SetDeviceMetricsOverride(v.width, 900, 1, false),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v.mode}}),
	}
}

func TestInABrowser(t *testing.T) {
	ctx := browser(t)
	axe := axeCore(t)
	for name, d := range samples(t) {
		t.Run(name, func(t *testing.T) {
			problems := map[string][]string{}
			actions := []chromedp.Action{axe}
			for _, view := range views {
				actions = append(actions, view.emulate(), chromedp.ActionFunc(func(ctx context.Context) error {
					var own, found []string
					err := chromedp.Evaluate(ownChecks, &own).Do(ctx)
					if err == nil && view.width > 1000 {
						err = chromedp.Evaluate(axeRun, &found, awaited).Do(ctx)
					}
					problems[view.name] = append(own, found...)
					return err
				}))
			}
			v := open(t, ctx, pageOf(t, d), actions...)
			for view, all := range problems {
				for _, p := range all {
					t.Errorf("%s: %s", view, p)
				}
			}
			if len(problems) != len(views) || len(v.asked) > 0 {
				t.Errorf("looked at it in %d ways; the page asked for %q", len(problems), v.asked)
			}
		})
	}
}

// awaited waits for what a script promises.
func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// axeRun is what axe-core finds, where it is loaded.
const axeRun = `window.axe ? axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v =>
	"axe: " + v.id + ": " + v.help + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 120)).join("; "))) : Promise.resolve([])`

// axeCore loads the file that ZUP_AXE names, axe.min.js of the npm package axe-core. The
// page's policy does not apply to what the debugger evaluates.
func axeCore(t *testing.T) chromedp.Action {
	path := os.Getenv("ZUP_AXE")
	if path == "" {
		t.Log("ZUP_AXE does not name axe.min.js: only the checks of this project are made")
		return chromedp.ActionFunc(func(context.Context) error { return nil })
	}
	script, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return chromedp.Evaluate(string(script)+"\n;0", nil)
}

// A page that asks for something is found out, and one of ours that is made to can't
// have it.
func TestNothingLeavesThePage(t *testing.T) {
	ctx := browser(t)
	const image = `<img src="http://192.0.2.1/x.png" alt="">`
	if v := open(t, ctx, "<!DOCTYPE html><html><body>"+image+"</body></html>"); len(v.asked) != 1 {
		t.Fatalf("the page asked for something, and %q was seen", v.asked)
	}
	asks := image + `<link rel="stylesheet" href="http://192.0.2.1/x.css"><iframe src="http://192.0.2.1/"></iframe>` +
		`<script src="http://192.0.2.1/x.js"></script><script>fetch("http://192.0.2.1/")</script>`
	v := open(t, ctx, strings.Replace(pageOf(t, samples(t)["plan"]), "<main", asks+"<main", 1))
	for id, url := range v.asked {
		if v.blocked[id] != "csp" {
			t.Errorf("%s was not blocked by the page's policy but by %q", url, v.blocked[id])
		}
	}
	if len(v.blocked) == 0 {
		t.Error("nothing was blocked")
	}
}

// The text of a page names no address from which a browser would load something.
func TestNoAddressIsLoaded(t *testing.T) {
	for name, d := range samples(t) {
		text := pageOf(t, d)
		for _, attribute := range []string{` src=`, ` srcset=`, ` action=`, ` data=`, ` poster=`, `@import`, `<script`, `<link`, `<iframe`, ` style=`, ` onload=`} {
			if strings.Contains(text, attribute) {
				t.Errorf("%s has %s", name, attribute)
			}
		}
		for rest := text; ; {
			_, after, ok := strings.Cut(rest, "href=\"")
			if !ok {
				break
			}
			rest = after
			if u, err := url.Parse(after[:strings.IndexByte(after, '"')]); err != nil || u.Host != "" || u.Path != "" {
				t.Errorf("%s links to %v", name, u)
			}
		}
		for _, function := range []string{"url("} {
			for i := strings.Index(text, function); i >= 0 && i < len(text); {
				if !strings.HasPrefix(text[i:], "url(#") {
					t.Errorf("%s loads %s", name, text[i:i+20])
				}
				next := strings.Index(text[i+1:], function)
				if next < 0 {
					break
				}
				i += 1 + next
			}
		}
	}
}

// With the Tab key everything is reached that can be opened, and where one is can be
// seen.
func TestKeyboard(t *testing.T) {
	ctx := browser(t)
	var first string
	var reached, outlined int
	open(t, ctx, pageOf(t, samples(t)["plan"]),
		chromedp.KeyEvent("\t"),
		chromedp.Evaluate(`document.activeElement.className`, &first),
		chromedp.ActionFunc(func(ctx context.Context) error {
			for range 30 {
				var visible bool
				if err := chromedp.Run(ctx, chromedp.KeyEvent("\t"),
					chromedp.Evaluate(`(e => e !== document.body && getComputedStyle(e).outlineStyle !== "none" && parseFloat(getComputedStyle(e).outlineWidth) >= 2)(document.activeElement)`, &visible)); err != nil {
					return err
				}
				if reached++; visible {
					outlined++
				}
			}
			return nil
		}))
	if first != "skip" || reached != outlined {
		t.Errorf("the first stop is %q; %d of %d have an outline", first, outlined, reached)
	}
}

// Printed on A4 a plan of a pair takes few sheets, and what is folded is not printed.
func TestPrint(t *testing.T) {
	ctx := browser(t)
	for name, d := range samples(t) {
		var pdf []byte
		open(t, ctx, pageOf(t, d), chromedp.ActionFunc(func(ctx context.Context) (err error) {
			pdf, _, err = page.PrintToPDF().WithPreferCSSPageSize(true).Do(ctx)
			return err
		}))
		sheets := strings.Count(string(pdf), "/Type /Page\n") + strings.Count(string(pdf), "/Type /Page ")
		if sheets < 2 || sheets > 8 {
			t.Errorf("%s: %d sheets", name, sheets)
		}
		if dir := os.Getenv("ZUP_DOCUMENTS"); dir != "" {
			os.WriteFile(filepath.Join(dir, name+".pdf"), pdf, 0o644)
		}
	}
}

// With ZUP_DOCUMENTS=DIRECTORY the samples are left there, as pages and as pictures of
// them, to be looked at.
func TestWriteSamples(t *testing.T) {
	dir := os.Getenv("ZUP_DOCUMENTS")
	if dir == "" {
		t.Skip("ZUP_DOCUMENTS names no directory")
	}
	ctx := browser(t)
	for name, d := range samples(t) {
		text := pageOf(t, d)
		files := map[string][]byte{name + ".html": []byte(text), name + ".md": []byte(markdown(t, d))}
		for _, view := range views {
			var png []byte
			open(t, ctx, text, view.emulate(), chromedp.FullScreenshot(&png, 100))
			files[fmt.Sprintf("%s-%d-%s.png", name, view.width, view.mode)] = png
		}
		for file, data := range files {
			if err := os.WriteFile(filepath.Join(dir, file), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Nothing of a script is out of sight: on screen, wide or narrow, and on paper, no block
// of code has anything to its right or below what is shown.
func TestNothingOfAScriptIsOutOfSight(t *testing.T) {
	ctx := browser(t)
	p := planOf(t, pairConfig)
	for i := range p.Actions {
		if a := &p.Actions[i]; a.Kind == "save" {
			a.Script = "true" + strings.Repeat(" ", 3000) + "; evil\n" + strings.Repeat("x", 3000) + "; late\n" + strings.Repeat("\n", 3000) + "below\n" + strings.Repeat("line\n", 200) + a.Script
			a.Title += strings.Repeat("y", 600)
		}
	}
	const hidden = `[...document.querySelectorAll("pre")].filter(e => { for (let d = e.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
		return e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight || e.clientHeight < 10 }).length`
	text := pageOf(t, review.Change(p, nil))
	if !strings.Contains(text, "evil") || !strings.Contains(text, "late") || !strings.Contains(text, "below") {
		t.Fatal("the page does not have the script")
	}
	looked := 0
	var actions []chromedp.Action
	for _, view := range views {
		actions = append(actions, view.emulate(), chromedp.ActionFunc(func(ctx context.Context) error {
			var out, blocks int
			var wider bool
			err := chromedp.Run(ctx, chromedp.Evaluate(hidden, &out), chromedp.Evaluate(`document.querySelectorAll("pre").length`, &blocks),
				chromedp.Evaluate(`document.documentElement.scrollWidth > document.documentElement.clientWidth`, &wider))
			if looked += blocks; out > 0 || wider {
				t.Errorf("%s: %d of %d blocks hide something; the page is wider than the screen: %t", view.name, out, blocks, wider)
			}
			return err
		}))
	}
	open(t, ctx, text, actions...)
	if looked < 100 {
		t.Errorf("only %d blocks were looked at", looked)
	}
}
