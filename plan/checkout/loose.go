package checkout

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"strconv"
)

var (
	errFormat = errors.New("damaged: not what git writes")
	errLarge  = errors.New("too large to be looked at")
)

// loose reads an object that has a file of its own: deflated, "tree 123", a zero
// byte, and its content.
func (f *folder) loose(file io.Reader, size int64) (kind string, data []byte, err error) {
	z, err := zlib.NewReader(io.LimitReader(f.metered(file), size))
	if err != nil {
		return "", nil, errFormat
	}
	defer z.Close()
	var header []byte
	for one := make([]byte, 1); ; header = append(header, one[0]) {
		if _, err := io.ReadFull(z, one); err != nil {
			return "", nil, damage(err)
		}
		if one[0] == 0 {
			break
		}
		if len(header) == 32 {
			return "", nil, errFormat
		}
	}
	name, length, _ := bytes.Cut(header, []byte{' '})
	n, err := strconv.ParseUint(string(length), 10, 63)
	if err != nil {
		return "", nil, errFormat
	}
	data, err = f.meter.inflated(z, n)
	return string(name), data, err
}

// inflated reads what is to be so many bytes, no more and no less.
func (m *meter) inflated(r io.Reader, size uint64) ([]byte, error) {
	if size > maxObject {
		return nil, errLarge
	}
	if err := m.take(int64(size)); err != nil {
		return nil, err
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, damage(err)
	}
	if n, err := io.ReadFull(r, make([]byte, 1)); n != 0 || err != io.EOF {
		return nil, damage(err)
	}
	return data, nil
}

// damage says what is the matter with bytes that can't be unpacked.
func damage(err error) error {
	if errors.Is(err, errTotal) || errors.Is(err, errSlow) {
		return err
	}
	return errFormat
}
