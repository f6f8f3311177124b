package ssh

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"zup/plan/disk"
	"zup/plan/escape"
)

// An Upload is a file to send to a host.
type Upload struct {
	From   string // path on this machine; a relative one begins at Dir
	Dir    string // directory that a relative From can't leave; "": the current one, and it can
	To     string // absolute path on the host; its folder must be there
	Part   string // absolute, on the disk of To, in a folder that is there: what has arrived so far
	Size   int64  // bytes; a file that has another size by now is not sent
	SHA256 string // hex; the same

	// Progress is told, a few times a second and from one goroutine, how many
	// bytes of the file are on the host. It may be nil.
	Progress func(there int64)

	block int64         // how much is compared at once; 0: blockSize
	pace  time.Duration // for tests: so long between two reads of the file
}

// An UploadResult says how an upload went.
type UploadResult struct {
	There    bool          // the file was there already, and nothing was sent
	Resumed  int64         // bytes of an earlier attempt that were right and were not sent again
	Dropped  int64         // bytes of an earlier attempt that were wrong and were sent again
	Sent     int64         // bytes that went over the wire, attempts that were cut off included
	Over     string        // "sftp" or "a plain session"
	Why      string        // why not over sftp
	Attempts int           // connections that it took
	Took     time.Duration // without looking for what was there
}

// ErrChanged says that the file to send is not the one that was planned.
var ErrChanged = errors.New("the file has changed since it was planned")

// A CorruptError says that the host has read other bytes than were sent. What
// had arrived is removed, so that the next attempt begins anew.
type CorruptError struct {
	Path      string
	Got, Want string // SHA-256
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s arrived damaged: its SHA-256 on the node is %s, it must be %s; it was removed there", e.Path, e.Got, e.Want)
}

// Hint says what to look at.
func (e *CorruptError) Hint() string {
	return "send it again; if it happens again, check the node's disk and memory"
}

const (
	// blockSize is how much of a file is compared at once with what is on the
	// host: the most that is sent again behind a damaged byte.
	blockSize = 8 << 20
	// idleTries is how often an upload that gets no further is tried again.
	idleTries = 3
	// progressEvery is how often Progress is told.
	progressEvery = 250 * time.Millisecond
)

// Upload sends a file. What an earlier attempt left in Part is compared with the
// file, block by block, and what is right is not sent again. It goes over sftp
// where the host has that and the user is root, else through dd in a plain
// session. When the connection is lost it is made again, as long as that gets
// further. The file gets its name only after the host has computed its SHA-256;
// until then, and after an error, what has arrived stays in Part.
//
// It blocks until the file is there or ctx ends.
func (h *Host) Upload(ctx context.Context, u Upload) (UploadResult, error) {
	if u.block == 0 {
		u.block = blockSize
	}
	if u.Progress == nil {
		u.Progress = func(int64) {}
	}
	t := &transfer{Upload: u, host: h}
	err := t.run(ctx)
	h.dialer.log().Debug("upload", "to", h.of.String(), "file", u.To, "result", fmt.Sprintf("%+v", t.result), "error", err)
	if err != nil {
		err = fmt.Errorf("upload %s: %w", u.To, err)
	}
	return t.result, h.named(err)
}

// transfer is one upload that goes on.
type transfer struct {
	Upload
	host   *Host
	file   *disk.File
	result UploadResult
}

func (t *transfer) run(ctx context.Context) error {
	var err error
	if t.file, err = t.open(); err != nil {
		return err
	}
	defer t.file.Close()
	if size := t.file.Size(); size != t.Size {
		return fmt.Errorf("%w: %s has %d bytes, %d were planned", ErrChanged, t.From, size, t.Size)
	}
	for idle := 0; ; {
		sent := t.result.Sent
		err := t.attempt(ctx)
		var lost *LostError
		if err == nil || ctx.Err() != nil || !errors.As(err, &lost) {
			return err
		}
		if idle++; t.result.Sent > sent {
			idle = 0
		}
		if idle == idleTries {
			return err
		}
		t.host.dialer.log().Debug("upload goes on", "to", t.host.of.String(), "after", err)
	}
}

// open opens the file to send.
func (u *Upload) open() (*disk.File, error) {
	if u.Dir == "" || filepath.IsAbs(u.From) {
		return disk.Open(u.From)
	}
	d, err := disk.OpenDir(u.Dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Open(u.From)
}

// attempt looks at what is there, sends the rest, and has it verified.
func (t *transfer) attempt(ctx context.Context) error {
	there, sums, err := t.look(ctx)
	if err == nil {
		err = t.host.mine()
	}
	if err != nil || there == whole {
		t.result.There = there == whole && t.result.Attempts == 0
		return err
	}
	right, err := t.compare(there, sums)
	if err != nil {
		return err
	}
	if t.result.Attempts++; t.result.Attempts == 1 {
		t.result.Resumed, t.result.Dropped = right, there-right
	}
	began := time.Now()
	defer func() { t.result.Took += time.Since(began) }()
	if _, err := t.ask(ctx, cutScript, t.Part, strconv.FormatInt(right, 10)); err != nil {
		return err
	}
	if right < t.Size {
		if err := t.send(ctx, right); err != nil {
			return err
		}
	}
	return t.verify(ctx)
}

// What runs on the host. All of it reads the file's names from its arguments.
const (
	lookScript = `to=$1 part=$2 size=$3 want=$4 block=$5
for folder in "${to%/*}" "${part%/*}"; do
	case $(stat -Lc '%u %A' "$folder") in
	"$(id -u) d"???????-?) ;;
	*)
		echo "$folder is not a folder of root's that nobody else may write to" >&2
		exit 1
		;;
	esac
done
if [ "$(stat -Lc %d "${to%/*}")" != "$(stat -Lc %d "${part%/*}")" ]; then
	echo "${to%/*} and ${part%/*} are on different disks: the file would not get its name in one step" >&2
	exit 1
fi
if [ -L "$part" ] || { [ -e "$part" ] && { [ ! -f "$part" ] || [ ! -O "$part" ]; }; }; then rm -f "$part"; fi
if [ -f "$to" ] && [ "$(stat -c %s "$to")" = "$size" ] && [ "$(sha256sum <"$to" | cut -d ' ' -f 1)" = "$want" ]; then
	echo there
	exit
fi
have=0
[ ! -e "$part" ] || have=$(stat -c %s "$part") || exit
echo "$have"
i=0
while [ $((i * block)) -lt "$have" ] && [ $((i * block)) -lt "$size" ]; do
	dd if="$part" bs="$block" skip="$i" count=1 2>/dev/null | sha256sum | cut -d ' ' -f 1
	i=$((i + 1))
done
`
	cutScript = `umask 077; truncate -s "$2" "$1"
`
	// Bytes are written where they belong: what a connection that was given up
	// still delivers does no harm.
	appendScript = `exec dd of="$1" bs=256k seek="$2" oflag=seek_bytes conv=notrunc status=none
`
	verifyScript = `got=$(sha256sum <"$1" | cut -d ' ' -f 1) || exit
if [ "$got" != "$3" ]; then
	rm -f "$1"
	echo "$got"
	exit
fi
chmod 644 "$1" && sync "$1" && mv -fT "$1" "$2" && sync "$(dirname "$2")" && echo there
`
)

// ask runs a script that may be run again, and returns what it printed.
func (t *transfer) ask(ctx context.Context, script string, args ...string) ([]string, error) {
	res, err := t.host.run(ctx, Command{Script: script, Args: args, Limit: 8 << 20})
	if err != nil {
		return nil, err
	}
	if res.Exit != 0 {
		return nil, fmt.Errorf("on the node: status %d: %s", res.Exit, escape.Tail(string(res.Stderr), 3))
	}
	return strings.Fields(string(res.Stdout)), nil
}

// whole is what look returns when the file has its name already.
const whole = -1

// look asks how much of the file is there, and for the digests of its blocks.
func (t *transfer) look(ctx context.Context) (there int64, sums []string, err error) {
	said, err := t.ask(ctx, lookScript, t.To, t.Part, strconv.FormatInt(t.Size, 10), t.SHA256, strconv.FormatInt(t.block, 10))
	switch {
	case err != nil:
		return 0, nil, err
	case len(said) == 0:
		return 0, nil, errors.New("the node did not say what is there")
	case said[0] == "there":
		return whole, nil, nil
	}
	if there, err = strconv.ParseInt(said[0], 10, 64); err != nil || there < 0 {
		return 0, nil, fmt.Errorf("the node said %q instead of how much is there", escape.Line(said[0]))
	}
	return there, said[1:], nil
}

// compare reads the file here, which must be the planned one, and returns how
// many bytes of what is on the host are its beginning.
func (t *transfer) compare(there int64, sums []string) (right int64, err error) {
	from := io.NewSectionReader(t.file, 0, t.Size)
	all := sha256.New()
	same := true
	for offset := int64(0); offset < t.Size; offset += t.block {
		length := min(t.block, t.Size-offset)
		i := offset / t.block
		var block hash.Hash
		out := io.Writer(all)
		overlap := min(length, there-offset)
		if same = same && overlap > 0 && i < int64(len(sums)); same {
			block = sha256.New()
			out = &splitter{whole: all, block: block, left: overlap}
		}
		if _, err := io.CopyN(out, from, length); err != nil {
			return 0, fmt.Errorf("read %s: %w", t.From, err)
		}
		if same = same && hex.EncodeToString(block.Sum(nil)) == sums[i]; same {
			right = offset + overlap
		}
	}
	if got := hex.EncodeToString(all.Sum(nil)); got != t.SHA256 {
		return 0, fmt.Errorf("%w: the SHA-256 of %s is %s, %s was planned", ErrChanged, t.From, got, t.SHA256)
	}
	return right, nil
}

// splitter gives everything to one hash and the beginning to another.
type splitter struct {
	whole, block hash.Hash
	left         int64 // for block
}

func (s *splitter) Write(p []byte) (int, error) {
	n := min(int64(len(p)), s.left)
	s.block.Write(p[:n])
	s.left -= n
	return s.whole.Write(p)
}

// send sends the file from offset on.
func (t *transfer) send(ctx context.Context, offset int64) error {
	if t.result.Over != "a plain session" {
		c, why, err := t.openSFTP(ctx, offset)
		if err != nil {
			return err
		}
		if c != nil {
			t.result.Over = "sftp"
			return t.watch(ctx, offset, c.send)
		}
		t.result.Over, t.result.Why = "a plain session", why
	}
	return t.watch(ctx, offset, func(ctx context.Context, from io.Reader) error {
		_, err := t.askWith(ctx, from, offset)
		return err
	})
}

func (t *transfer) askWith(ctx context.Context, from io.Reader, offset int64) (Result, error) {
	res, err := t.host.run(ctx, Command{Script: appendScript, Args: []string{t.Part, strconv.FormatInt(offset, 10)}, Stdin: from})
	if err == nil && res.Exit != 0 {
		err = fmt.Errorf("on the node: status %d: %s", res.Exit, escape.Tail(string(res.Stderr), 3))
	}
	return res, err
}

// watch sends and tells how far it is.
func (t *transfer) watch(ctx context.Context, offset int64, send func(context.Context, io.Reader) error) error {
	from := &counted{from: io.NewSectionReader(t.file, offset, t.Size-offset), pace: t.pace}
	done := make(chan error, 1)
	go func() { done <- send(ctx, from) }()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	t.Progress(offset)
	for {
		select {
		case err := <-done:
			t.result.Sent += from.n.Load()
			t.Progress(offset + from.n.Load())
			return err
		case <-tick.C:
			t.Progress(offset + from.n.Load())
		}
	}
}

// counted counts what is read from it.
type counted struct {
	from io.Reader
	n    atomic.Int64
	pace time.Duration
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n.Add(int64(n))
	if c.pace > 0 {
		time.Sleep(c.pace)
	}
	return n, err
}

// verify has the host compute the digest, and gives the file its name.
func (t *transfer) verify(ctx context.Context) error {
	said, err := t.ask(ctx, verifyScript, t.Part, t.To, t.SHA256)
	switch {
	case err != nil:
		return err
	case len(said) == 1 && said[0] == "there":
		return nil
	case len(said) == 1:
		return &CorruptError{Path: t.Part, Got: escape.Line(said[0]), Want: t.SHA256}
	}
	return errors.New("the node did not say whether the file is whole")
}
