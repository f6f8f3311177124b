package zevenet

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	pairs "zup/providers/pair"

	"zup/plan"
)

// An offline update: apt takes its packages from the image and from nothing else, whether
// the node reaches the repository or not. docs/procedure.md has the whole of it.

// partSuffix marks in the fact "updates" how much of an image has arrived. What has arrived
// lies beside the updates directory: in it the updater would take anything for an image.
const partSuffix = ".zup-part"

// imageName is what a source list and a mount point can have in them, and what the
// updater takes for an image.
var imageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*\.iso$`)

// brings reports whether zup brings the update to the nodes itself.
func (p *pair) brings() bool { return p.cfg.Package != nil }

// imageName is the name that the image has on a node: its own.
func (p *pair) imageName() string { return path.Base(p.cfg.Package.Offline) }

func (p *pair) imagePath() string { return p.product.root + "/updates/" + p.imageName() }

// shownImage is what a plan calls the image: its name where it lies in the
// configuration's directory, and its whole path where it is somebody's file elsewhere.
func (p *pair) shownImage() string {
	if from := p.cfg.Package.Offline; path.IsAbs(from) || strings.HasPrefix(from, "~") {
		return from
	}
	return p.imageName()
}

// partPath is where the image lies until all of it has arrived.
func (p *pair) partPath() string { return p.product.root + "/updates.zup/" + p.imageName() }

// imageSource is where apt says a package comes from that is in the image.
func (p *pair) imageSource() string {
	return "file:/media/zup-" + strings.TrimSuffix(p.imageName(), ".iso")
}

// usable reports whether the image could be read.
func (p *pair) usable() bool { return p.image != nil && p.image.Err == nil }

// needsAny reports whether any node needs the update.
func (p *pair) needsAny() bool { return slices.ContainsFunc(p.nodes, p.needs) }

func hasImage(p *pair) pairs.Finding {
	switch {
	case !p.brings():
		return pairs.Finding{}
	case !p.needsAny():
		return pairs.Skip("no node needs an update")
	case p.image == nil:
		return pairs.Unseen("what the image is", p.cfg.Package.Offline)
	case p.image.Err != nil:
		return pairs.Mistaken("the image of its package block can't be used", p.image.Err.Error(), "correct the package block, or get the image again")
	case p.cfg.Package.SHA256 != "" && p.cfg.Package.SHA256 != p.image.SHA256:
		return pairs.Mistaken("the image of its package block can't be used", fmt.Sprintf("%s has the SHA-256 %s, the configuration says %s", p.cfg.Package.Offline, p.image.SHA256, p.cfg.Package.SHA256),
			"correct the package block, or get the image again")
	case p.image.Size == 0:
		return pairs.Mistaken("the image of its package block is empty", p.cfg.Package.Offline, "get the image again")
	case !imageName.MatchString(p.imageName()), !takenByName(p.imageName()):
		return pairs.Mistaken("the image of its package block has a name that the updater does not take", fmt.Sprintf("%q", p.imageName()),
			"rename it: letters, digits, dots, dashes, and .iso at the end and nowhere else")
	}
	return pairs.Pass(fmt.Sprintf("%s, %d bytes, SHA-256 %s", p.imageName(), p.image.Size, p.image.SHA256))
}

// takenByName reports whether the updater finds the file again: it takes any ".iso" out of
// the name, whatever the dot stands for, and puts one behind it.
func takenByName(name string) bool { return anyISO.ReplaceAllString(name, "")+".iso" == name }

var anyISO = regexp.MustCompile(`.iso`)

// inUpdates is a name as the updater sorts it.
func (p *pair) inUpdates(name string) string {
	if p.product.lists == "paths" {
		return p.product.root + "/updates/" + name
	}
	return name
}

// hasNoLeftovers looks for what the updater would take instead of ours: it takes the last
// by version sort of whatever lies there, checksums and half an upload included.
func hasNoLeftovers(p *pair, n *node) pairs.Finding {
	switch {
	case !p.brings():
		return pairs.Finding{}
	case !p.needs(n):
		return pairs.Skip("it needs no update")
	case n.fact("images") == unknown:
		return pairs.Unseen("which images lie in its updates directory", unknown)
	}
	ours := p.imageName()
	var win []string
	for _, name := range n.words("images") {
		odd := strings.Contains(name, "?") // what stands there is not known to the letter
		if name != ours && (odd || compareVersionSort(p.inUpdates(name), p.inUpdates(ours)) > 0) {
			win = append(win, name)
		}
	}
	if len(win) > 0 {
		return pairs.Unfit("has a file in its updates directory that the updater would take for the image instead of "+ours, strings.Join(win, ", ")+" in "+p.product.root+"/updates",
			"zup does not touch what it has not put there: move it away, or give the image a name that sorts after it")
	}
	if slices.Contains(n.words("images"), ours) && n.fact("staged") != p.imagePath() {
		if size := p.file(n, ours); p.usable() && size != p.image.Size {
			return pairs.Unfit("has another image of the same name in its updates directory", fmt.Sprintf("%s has %d bytes there, %d here", ours, size, p.image.Size),
				"remove it there, or rename the image")
		}
	}
	return pairs.Pass("nothing in its updates directory would win over " + ours)
}

// file is the size of a file in the updates directory; 0: it is not there.
func (p *pair) file(n *node, name string) int64 {
	for _, word := range n.words("updates") {
		if got, size, ok := strings.Cut(word, "="); ok && got == name {
			bytes, _ := strconv.ParseInt(size, 10, 64)
			return bytes
		}
	}
	return 0
}

// hasImageRoom: the image, as far as it is not there, must fit beside what an
// update needs.
func hasImageRoom(p *pair, n *node) pairs.Finding {
	switch {
	case !p.brings():
		return pairs.Finding{}
	case !p.needs(n):
		return pairs.Skip("it needs no update")
	case !p.usable():
		return pairs.Skip("the image can't be used")
	}
	free := p.file(n, "free") // KiB
	if !slices.ContainsFunc(n.words("updates"), func(w string) bool { return strings.HasPrefix(w, "free=") }) {
		return pairs.Unseen("how much disk is free for the image", n.fact("updates"))
	}
	there := max(p.file(n, p.imageName()), p.file(n, p.imageName()+partSuffix))
	need := minFreeKiB + (max(p.image.Size-there, 0)+1023)>>10
	if free < need {
		return pairs.Unfit("has too little free disk for the image", fmt.Sprintf("%d MiB in %s/updates, %d MiB are wanted: %d for the image, %d for the update",
			free>>10, p.product.root, need>>10, (need-minFreeKiB)>>10, minFreeKiB>>10), "make room there")
	}
	return pairs.Pass("there is room for the image")
}

// imageScript is a node script with what it has to know of the image.
func (p *pair) imageScript(name string) string {
	head := "image=" + quote(p.imagePath()) + "\n"
	body := p.product.script(name, "")
	if strings.Contains(body, "$sum") {
		head += fmt.Sprintf("sum=%s size=%d\n", quote(p.image.SHA256), p.image.Size)
	}
	return head + body
}

// stageBoth brings the image to the nodes and has them take it, before anything
// else is touched.
func (b *builder) stageBoth() {
	var uploads, refreshes []plan.Action
	for _, n := range b.pair.inOrder() {
		if b.pair.needs(n) {
			uploads = append(uploads, b.upload(n))
			refreshes = append(refreshes, b.refreshFromImage(n))
		}
	}
	if len(uploads) > 0 {
		b.Then(uploads...)
		b.Then(refreshes...)
	}
}

// Bytes a second that an upload gets at least, or the run stops; and that it is
// estimated to get.
const (
	slowest = 128 << 10
	usual   = 20 << 20
)

func (b *builder) upload(n *node) plan.Action {
	p := b.pair
	return plan.Action{
		ID: p.id(n, "upload"), Kind: "upload", Node: n.name, Primitive: plan.Upload,
		Title:    fmt.Sprintf("Upload %s, %d MiB", p.shownImage(), (p.image.Size+1<<20-1)>>20),
		Reason:   "the package block: " + p.everyNode() + " shall get the packages from it, whether the repository can be reached or not",
		Script:   p.imageScript("image_prepare"),
		TimeoutS: int(600 + p.image.Size/slowest), EstimateS: int(2 + p.image.Size/usual),
		Upload: &plan.Transfer{
			From: p.cfg.Package.Offline, To: p.imagePath(), Part: p.partPath(),
			Size: p.image.Size, SHA256: p.image.SHA256,
		},
		Check: []plan.Condition{on(n, "image", p.imageName()+" "+p.image.SHA256)}, CheckS: 10,
		Opens: []string{n.name + "/image"}, Before: was(n, "images"),
	}
}

func (b *builder) refreshFromImage(n *node) plan.Action {
	p := b.pair
	v := p.cfg.Version
	return plan.Action{
		ID: p.id(n, "refresh"), Kind: "refresh", Node: n.name, Primitive: plan.Script, Rule: true, Detached: true,
		Title:  "Have apt take its packages from the image alone; it must offer " + v,
		Reason: p.everyNode() + " must be offered the planned version from the image, whatever the repository has, before anything else is touched",
		Script: p.imageScript("image_refresh"), TimeoutS: 300, EstimateS: 10,
		Check:  append([]plan.Condition{on(n, "source", p.imageSource()), p.offers(n), on(n, "room", "enough")}, p.whole(n)...),
		CheckS: 10,
		Forbid: []string{`There isn't a valid activation certificate`, `^(E|Error): `},
	}
}

// removeImages takes every image of zup away from the nodes, once nobody needs it
// any more.
func (b *builder) removeImages() {
	p := b.pair
	var actions []plan.Action
	for _, n := range slices.Backward(p.inOrder()) {
		switch {
		case b.Has(p.id(n, "upload")):
			actions = append(actions, b.removeImage(n, "the update is through, and nothing stays behind"))
		case p.ours(n, "image") && !b.Has(p.id(n, "remove-image")):
			actions = append(actions, b.removeImage(n, "an earlier run left it there"))
		}
	}
	if len(actions) > 0 {
		b.Then(actions...)
	}
}

// removeForeignImages takes away what an earlier run left that is not the image of
// this one.
func (b *builder) removeForeignImages() {
	p := b.pair
	for _, n := range p.nodes {
		if p.ours(n, "image") && !(p.brings() && n.fact("staged") == p.imagePath()) {
			b.Then(b.removeImage(n, "an earlier run was cut off and left it there; this plan does not use it"))
		}
	}
}

func (b *builder) removeImage(n *node, reason string) plan.Action {
	return plan.Action{
		ID: b.unique(n, "remove-image"), Kind: "remove-image", Node: n.name, Primitive: plan.Script, Detached: true,
		Title:  "Take the image away, with what apt was told of it",
		Reason: reason,
		Script: b.script("image_remove", ""), TimeoutS: 120, EstimateS: 2,
		Check: []plan.Condition{on(n, "staged", "no")}, CheckS: 10,
		Closes: []string{n.name + "/image"},
	}
}
