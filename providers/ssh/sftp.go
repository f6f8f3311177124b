package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pkg/sftp"

	"zup/plan/escape"
)

// sftpRequests is how many writes are on their way at once: at 32 KiB each they
// fill a line of 100 Mbit/s up to a round trip of 160 ms.
const sftpRequests = 64

// sftpFile is an open file on a host.
type sftpFile struct {
	conn   *conn
	client *sftp.Client
	file   *sftp.File
	t      *transfer
}

// openSFTP opens the part over sftp at offset, where it must end. Without an
// error and without a file the host has no sftp that can write it, and why says
// so.
func (t *transfer) openSFTP(ctx context.Context, offset int64) (f *sftpFile, why string, err error) {
	if t.host.of.user != "root" {
		return nil, "the file belongs to root, and " + t.host.of.user + " becomes root in a session only", nil
	}
	c, err := t.host.connection(ctx)
	if err != nil {
		return nil, "", err
	}
	type opened struct {
		f   *sftpFile
		err error
	}
	result := make(chan opened, 1)
	go func() {
		f, err := c.sftp(t, offset)
		result <- opened{f, err}
	}()
	select {
	case r := <-result:
		switch {
		case r.err == nil:
			return r.f, "", nil
		case c.dead():
			return nil, "", c.failed(ctx, "open sftp", true, r.err)
		}
		return nil, escape.Line(r.err.Error()), nil
	case <-ctx.Done():
	case <-c.gone:
	}
	go func() {
		if r := <-result; r.err == nil {
			r.f.client.Close()
		}
	}()
	return nil, "", c.failed(ctx, "open sftp", true, errNoStatus)
}

// sftp opens the part. That it has the size which a session has just given it
// shows that both see the same files.
func (c *conn) sftp(t *transfer, offset int64) (*sftpFile, error) {
	client, err := sftp.NewClient(c.client, sftp.MaxConcurrentRequestsPerFile(sftpRequests))
	if err != nil {
		return nil, fmt.Errorf("the server has no sftp: %w", err)
	}
	info, err := client.Stat(t.Part)
	if err == nil && info.Size() != offset {
		err = errors.New("it shows another file than a session sees")
	}
	var file *sftp.File
	if err == nil {
		file, err = client.OpenFile(t.Part, os.O_WRONLY)
	}
	if err == nil {
		_, err = file.Seek(offset, io.SeekStart)
	}
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("sftp: %w", err)
	}
	return &sftpFile{c, client, file, t}, nil
}

// send copies everything to the host. Several writes are on their way at once, so
// that what has arrived when it breaks off may have holes: the next attempt
// compares all of it.
func (f *sftpFile) send(ctx context.Context, from io.Reader) error {
	done := make(chan error, 1)
	go func() {
		_, err := f.file.ReadFromWithConcurrency(from, sftpRequests)
		done <- errors.Join(err, f.file.Close())
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = errNoStatus
	case <-f.conn.gone:
		err = errNoStatus
	}
	go f.client.Close() // over a connection that hangs it would block
	if errors.Is(err, errNoStatus) {
		select { // whoever reads the file must be done with it
		case <-done:
		case <-time.After(lingerFor):
		}
	}
	var status *sftp.StatusError
	if errors.As(err, &status) && !f.conn.dead() {
		return fmt.Errorf("sftp: %w%s", err, f.t.free(ctx))
	}
	return f.conn.failed(ctx, "send", true, err)
}

// free says how much room the host has, because sftp has no word for a full
// disk.
func (t *transfer) free(ctx context.Context) string {
	said, err := t.ask(ctx, `df -Pk "$1" | awk 'NR == 2 { print $4 }'`, t.Part)
	if err != nil || len(said) != 1 {
		return ""
	}
	return fmt.Sprintf(" (%s KiB are free there)", escape.Line(said[0]))
}
