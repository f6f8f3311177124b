package config

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// What a configuration may take to be read and evaluated.
const (
	MaxTime   = 10 * time.Second
	MaxMemory = 256 << 20 // bytes
)

// maxWork is how many steps an evaluation may take. A step is about 25 ns on a machine
// of 2024. It is counted and not measured, so that a configuration that is too much is
// too much on every machine: the clock is for what was counted wrongly.
const maxWork = 60_000_000

// What things cost, in steps.
const (
	workNode    = 20 // a node of an expression
	workPart    = 20 // a part of it that is not counted itself
	workOperand = 15 // what an operator does to an operand
	workTurn    = 25 // one more turn of a loop
	workValue   = 4  // looking at a value inside another one
	workEqual   = 40 // comparing a value with another, at one level
	workMistake = 200
	textPerStep = 64 // bytes that are copied or compared in a step
)

// What things take, in bytes.
const (
	bytesElement = 64  // an element of a list or tuple
	bytesEntry   = 160 // an attribute of an object or an entry of a map
	bytesObject  = 640
	bytesNumber  = 160
	bytesMistake = 2000 // of the library, with its places and its context
)

// budget is how much may be done. It is shared by everything that belongs to one
// evaluation, and counts what was done whether or not it was of use.
type budget struct {
	work  float64 // steps
	bytes float64

	over *overrun // what was passed; once it is set nothing is evaluated any more

	turn sync.Mutex // held by Judge

	stop atomic.Int32              // a limit that the watch has found passed; 0: none
	now  atomic.Pointer[hcl.Range] // what is being evaluated; nil: nothing
	call atomic.Pointer[hcl.Range] // the call of the template that it is in; nil: in none
}

// limit is what can be passed.
type limit int32

const (
	noLimit limit = iota
	overTime
	overMemory
	overNumber // a number
	overDepth
	overText
)

// overrun says which limit was passed where. It is the value of a panic that unwinds
// the evaluation, because try and can go on after an error.
type overrun struct {
	limit limit
	at    hcl.Range
	place bool   // at is one
	in    string // the template file in which it happened, and its line
}

// Error is what a rule says that can't be evaluated.
func (o *overrun) Error() string {
	if !o.place {
		return o.summary()
	}
	return o.summary() + ", at " + lineOf(o.at)
}

func (o *overrun) summary() string {
	switch o.limit {
	case overMemory:
		return "evaluation needs too much memory"
	case overNumber:
		return "a number is too large"
	case overDepth:
		return "a value is nested too deep"
	case overText:
		return "the configuration is too large"
	}
	return "evaluation takes too long"
}

func (o *overrun) detail() string {
	switch o.limit {
	case overMemory:
		return fmt.Sprintf("What a configuration makes of values and texts is limited to %d MB, and this expression would go beyond. "+
			"Make its lists or texts shorter, or compute the value beforehand and hand it in with -var.", MaxMemory>>20)
	case overNumber:
		return fmt.Sprintf("Numbers have %d digits at most before the point, and as many after it.", maxDigits)
	case overText:
		return fmt.Sprintf("What is parsed of it does not fit into %d MB. Divide it into several directories.", MaxMemory>>20)
	case overDepth:
		return fmt.Sprintf("Values are limited to %d levels, a list in a list being two.", maxDepth)
	}
	return fmt.Sprintf("What a configuration may compute is limited to %d million steps and to %s, and this expression would go beyond. "+
		"Go through fewer elements, or compute the value beforehand and hand it in with -var.", maxWork/1_000_000, MaxTime)
}

func (o *overrun) diagnostic() *hcl.Diagnostic {
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: o.summary(), Detail: o.detail()}
	if o.in != "" {
		d.Detail = "It happens in " + o.in + ". " + d.Detail
	}
	if o.place {
		d.Subject = &o.at
	}
	return d
}

// takes counts steps before they are taken. It does not return when they are too many.
func (b *budget) takes(steps float64) {
	b.work += steps
	if b.work > maxWork {
		b.pass(overTime)
	}
	if s := b.stop.Load(); s != 0 {
		b.pass(limit(s))
	}
}

// makes counts bytes before they are allocated. It does not return when they are too
// many.
func (b *budget) makes(bytes float64) {
	b.bytes += bytes
	if b.bytes > MaxMemory {
		b.pass(overMemory)
	}
}

// pass ends the evaluation.
func (b *budget) pass(l limit) {
	if b.over == nil {
		b.over = &overrun{limit: l}
		b.locate(b.over)
	}
	panic(b.over)
}

// locate notes where the evaluation is just now.
func (b *budget) locate(o *overrun) {
	at := b.now.Load()
	if call := b.call.Load(); call != nil && at != nil {
		o.in = fmt.Sprintf("%s line %d", at.Filename, at.Start.Line)
		at = call
	}
	if at != nil {
		o.at, o.place = *at, true
	}
}

// check ends the evaluation where a limit was passed inside of something that went on
// all the same, such as a function of the library, which makes an error of a panic.
func (b *budget) check() {
	if b.over != nil {
		panic(b.over)
	}
}
