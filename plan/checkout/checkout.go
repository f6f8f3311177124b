// Package checkout says from which commit of a git repository some files are.
//
// Start with Look. It reads git's own files: no program is started, no hook, filter
// or alias can run, and of the repository's configuration only four keys are looked
// at, which say where and in which form objects are. The index is not read at all. A
// file is as it is in the commit if its bytes have the hash that stands in the tree of
// that commit.
//
// Nothing is believed. Whatever is in a .git directory may have come with an archive;
// but an object counts only if its bytes have the hash by which it was asked for,
// from the commit that HEAD names down to the files. So a repository can say too
// little, and then the answer is that nobody knows. It can't say that files are those
// of a commit when they are not. That is why replace refs, grafts and shallow files,
// which let other objects stand for a commit's own, are passed over.
//
// Only regular files are opened, without waiting and not through links that lead out
// of where git keeps them. Each question has limits of time, memory and bytes; one
// that reaches a limit is not answered. The package never writes.
//
// Why git's objects are read here and not by a library: go-git 5.19.3 (tried with its
// storage and plumbing packages alone) does not read SHA-256 repositories, waits for
// ever where HEAD is a FIFO, and ends the whole process where two deltas of a pack are
// each other's base: the stack overflows, which can't be recovered from. What is needed
// of git's formats to find a few trees is small.
package checkout

import (
	"context"
	"errors"
	"path/filepath"
	"time"
)

// Limit is how long Look takes at most, whatever it waits for.
const Limit = 10 * time.Second

// What is read for one question at most. Repositories of real life are far below:
// of their objects only commits and trees are read, and of those a few.
const (
	maxObject     = 8 << 20   // bytes of a commit, a tree, or a delta of one
	maxFile       = 64 << 20  // bytes of a file that is compared
	maxText       = 64 << 10  // bytes of HEAD, a loose reference, a list of alternates
	maxSettings   = 1 << 20   // bytes of git's configuration file
	maxPackedRefs = 256 << 20 // bytes of packed-refs
	maxTotal      = 512 << 20 // bytes of everything, read and unpacked
	maxChain      = 4095      // deltas on top of each other; git never writes more
	maxSymbolic   = 5         // references that name a reference, as git has it
	maxDepth      = 5         // alternates of alternates, as git has it
	maxAlternates = 64        // directories with objects
	maxPacks      = 10_000    // in all of them
)

// Question is what Look is asked.
type Question struct {
	Dir   string // the configuration's directory
	Files []File
	Lists []List

	// Belongs reports whether a file of this name in Dir would have been one of
	// Files had it been there: the commit must not have more of them than Files. nil:
	// nothing is missed.
	Belongs func(name string) bool
}

// File is one file that is compared with the commit. One that is outside of the work
// tree is in no commit and is passed over.
type File struct {
	Path   string // relative to Dir, or absolute
	SHA256 string // of the bytes that were used, in hex; a file that has others by now is not as in the commit. Empty: not known
	Use    Use
}

// Use is what of a file was of importance.
type Use int

// What is used of files.
const (
	Content Use = iota // its bytes
	Exists             // that there is one
	Absent             // that there is none
)

// List is a list of files that was made of a directory: it is as in the commit if a
// list of what the commit has there would be the same.
type List struct {
	Dir     string                 // relative to Question.Dir, or absolute
	Matches func(name string) bool // whether a file is of this list, by its path relative to Dir, with slashes
	Depth   int                    // how many names the paths that match have at most; 0: any number
	Found   []string               // the list, relative to Dir, with slashes
}

// Answer is what Look found. The zero Answer: there is no repository.
type Answer struct {
	Top     string // the work tree's directory, without links; empty: there is no repository
	Commit  string // what HEAD names, in lower-case hex; empty without a Doubt: there is no commit yet
	Changed string // the first file that was found not to be as it is in the commit, relative to Top; empty: none was found
	Doubt   error  // why something could not be found out; nil: everything was
}

// Clean reports whether all files are as they are in the commit, for certain.
func (a Answer) Clean() bool { return a.Commit != "" && a.Changed == "" && a.Doubt == nil }

var errSlow = errors.New("git's files could not be read in time")

// Look finds the repository that a directory is in, as git does: the first .git on
// the way up. It returns within Limit, and earlier if the context ends; what was
// not found out until then is in doubt.
func Look(ctx context.Context, q Question) Answer {
	return within(ctx, Answer{Top: q.Dir, Doubt: errSlow}, func(m *meter, found func(Answer)) {
		ask(m, q.Dir, found, func(r *repository, dir string, a Answer) Answer {
			c := comparison{repository: r, belongs: q.Belongs}
			a.Changed, a.Doubt = c.run(a.Commit, dir, q.Files, q.Lists)
			return a
		})
	})
}

// Has reports whether the commit has a file of that path, with any content, in the
// repository that a directory is in. It takes as long as Look at most.
func Has(ctx context.Context, dir, file string) (bool, error) {
	type answer struct {
		has bool
		err error
	}
	a := within(ctx, answer{err: errSlow}, func(m *meter, found func(answer)) {
		has := false
		ask(m, dir, func(a Answer) { found(answer{has, a.Doubt}) }, func(r *repository, dir string, a Answer) Answer {
			has, a.Doubt = (&comparison{repository: r}).has(a.Commit, dir, file)
			return a
		})
	})
	return a.has, a.err
}

// within runs something that tells again and again what is known if nothing else
// follows, and returns what was told last before time is up. Nobody waits for more: a
// file system may hang.
func within[T any](ctx context.Context, known T, run func(m *meter, found func(T))) T {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	told := make(chan T, 3)
	go func() {
		defer close(told)
		run(&meter{ctx: ctx, left: maxTotal}, func(v T) { told <- v })
	}()
	for {
		select {
		case v, more := <-told:
			if !more {
				return known
			}
			known = v
		case <-ctx.Done():
			return known
		}
	}
}

// ask opens the repository of a directory, and lets compare go on from its commit, if
// it has one.
func ask(m *meter, dir string, found func(Answer), compare func(*repository, string, Answer) Answer) {
	real, err := realPath(dir)
	if err != nil {
		found(Answer{Top: dir, Doubt: err})
		return
	}
	r, top, err := find(m, real)
	if r == nil {
		found(Answer{Top: top, Doubt: err})
		return
	}
	defer r.close()
	a := Answer{Top: top}
	if a.Commit, a.Doubt = r.head(); a.Commit == "" {
		found(a)
		return
	}
	a.Doubt = errSlow
	found(a)
	found(compare(r, real, a))
}

// realPath is an absolute path without links.
func realPath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}
