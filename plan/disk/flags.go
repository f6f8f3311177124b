package disk

import (
	"os"
	"syscall"
)

const (
	// waitsForNobody keeps open from waiting for the other end of a FIFO, and from
	// making a terminal the one that controls zup.
	waitsForNobody = syscall.O_NONBLOCK | syscall.O_NOCTTY
	// followsNoLink makes open fail where the last part of a path is a link.
	followsNoLink = syscall.O_NOFOLLOW
)

// duplicate returns a second handle on a descriptor.
func duplicate(number int, name string) (*os.File, error) {
	fd, err := syscall.Dup(number)
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), name), nil
}
