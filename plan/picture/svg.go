// Package picture draws: the course of a change from left to right, what probes
// have measured, and the graph of a plan. It is handed numbers and words and
// returns SVG; it knows no plan, reads nothing and has no clock, and the same
// input gives the same bytes.
//
// Start with Course, Probes or Graph. What they return goes into a page whose
// stylesheet has Style, or becomes a file of its own with Standalone. Every
// meaning has a word or a pattern besides its colour.
package picture

import (
	_ "embed"
	"fmt"
	"html"
	"strings"

	"zup/plan/escape"
)

// Style is the stylesheet of every picture. Colours are variables that the page
// sets; Palette has values for both modes.
//
//go:embed picture.css
var Style string

// Palette sets the variables of Style for light and dark.
//
//go:embed palette.css
var Palette string

// Standalone makes a file of its own of a picture.
func Standalone(svg string) string {
	head, rest, _ := strings.Cut(svg, ">")
	return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + head + ">\n<style>" + Palette + Style +
		"svg{background:var(--paper);font-family:system-ui,sans-serif}</style>" + rest + "\n"
}

// canvas is a picture that is being drawn.
type canvas struct {
	b  strings.Builder
	id string // unique in its page, before every ID in it
}

// open begins a picture. Whoever can't see it is read title and desc.
func open(id, title, desc string, width, height float64) *canvas {
	c := &canvas{id: id}
	fmt.Fprintf(&c.b, `<svg xmlns="http://www.w3.org/2000/svg" class="picture" viewBox="0 0 %s %s" width="%s" height="%s" role="img" aria-labelledby="%s-t %s-d">`,
		num(width), num(height), num(width), num(height), id, id)
	fmt.Fprintf(&c.b, "\n<title id=\"%s-t\">%s</title>\n<desc id=\"%s-d\">%s</desc>\n", id, safe(title), id, safe(desc))
	return c
}

func (c *canvas) close() string {
	c.b.WriteString("</svg>")
	return c.b.String()
}

// hatch defines the pattern of what is out of service.
func (c *canvas) hatch() {
	fmt.Fprintf(&c.b, `<defs><pattern id="%s-h" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="7" height="7" class="p-out"/><line x1="0" y1="0" x2="0" y2="7" class="p-hatch"/></pattern></defs>`+"\n", c.id)
}

func (c *canvas) rect(class string, x, y, w, h float64) {
	fmt.Fprintf(&c.b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s" rx="3"/>`+"\n", class, num(x), num(y), num(max(w, 1)), num(h))
}

// hatched is a rect with the pattern.
func (c *canvas) hatched(x, y, w, h float64) {
	fmt.Fprintf(&c.b, `<rect class="p-outline" fill="url(#%s-h)" x="%s" y="%s" width="%s" height="%s" rx="3"/>`+"\n", c.id, num(x), num(y), num(max(w, 1)), num(h))
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&c.b, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`+"\n", class, num(x1), num(y1), num(x2), num(y2))
}

// text writes one line; anchor is "start", "middle" or "end".
func (c *canvas) text(class, anchor string, x, y float64, s string) {
	fmt.Fprintf(&c.b, `<text class="%s" text-anchor="%s" x="%s" y="%s">%s</text>`+"\n", class, anchor, num(x), num(y), safe(s))
}

func (c *canvas) path(class, d string) {
	fmt.Fprintf(&c.b, `<path class="%s" d="%s"/>`+"\n", class, d)
}

// num writes a coordinate: the same on every machine, no longer than it must be.
func num(f float64) string {
	return strings.TrimSuffix(strings.TrimSuffix(fmt.Sprintf("%.1f", f), "0"), ".")
}

// safe makes text from elsewhere fit for an element or an attribute.
func safe(s string) string { return html.EscapeString(escape.Line(s)) }

// span is about how wide a line of small text is.
func span(s string) float64 { return 6.4 * float64(escape.Width(s)) }

// bold is about how wide a line of heavier text is.
func bold(s string) float64 { return 1.27 * span(s) }

// fit shortens text to a width.
func fit(s string, width float64) string {
	return escape.Cut(escape.Line(s), int(width/6.4))
}

// wrap breaks text into at most lines lines.
func wrap(s string, width float64, lines int) []string {
	var all []string
	line := ""
	for _, word := range strings.Fields(escape.Line(s)) {
		switch {
		case line == "":
			line = word
		case span(line+" "+word) <= width:
			line += " " + word
		default:
			all, line = append(all, line), word
		}
	}
	all = append(all, line)
	if len(all) > lines {
		all = append(all[:lines-1], strings.Join(all[lines-1:], " "))
	}
	for i := range all {
		all[i] = fit(all[i], width)
	}
	return all
}
