package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// condition knows [root], for scripts that mount something, and [git], for those that
// make repositories. Where nothing may be skipped, it fails instead of being false.
func condition(name string) (bool, error) {
	met := false
	switch name {
	case "root":
		met = os.Getuid() == 0
	case "git":
		_, err := exec.LookPath("git")
		met = err == nil
	default:
		return false, fmt.Errorf("unknown condition %q", name)
	}
	if !met && os.Getenv("ZUP_CI") != "" {
		return false, fmt.Errorf("this needs %s, and with ZUP_CI nothing is skipped", name)
	}
	return met, nil
}

// cmdTmpfs mounts a disk of a size of its own.
func cmdTmpfs(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(syscall.Mount("zup-test", dir, "tmpfs", 0, "mode=0700,size="+args[1]))
	ts.Defer(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// noLocksMain runs a command for which the kernel has no flock: it answers ENOLCK, as
// on a file system without locks.
func noLocksMain() {
	program, err := exec.LookPath(os.Args[1])
	if err == nil {
		err = refuse(unix.SYS_FLOCK, unix.ENOLCK)
	}
	if err == nil {
		err = syscall.Exec(program, os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "nolocks:", err)
	os.Exit(125)
}

// refuse has the kernel answer a system call with an error, in this process and in all
// that come from it.
func refuse(call uint32, answer syscall.Errno) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(answer)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errors.Join(errors.New("install a seccomp filter"), errno)
	}
	return nil
}
