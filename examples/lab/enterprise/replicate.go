//go:build linux

package main

import (
	"fmt"
	"log/syslog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

var pidFile = "/var/run/" + own.replicator + ".pid"

const rtTables = "/etc/iproute2/rt_tables"

// excludes is what the product keeps out of replication: what belongs to one
// node only. Virtual interfaces, the VIPs, do belong to both.
var excludes = append([]string{
	"--include=if_*:*_conf",
	"--exclude=lost+found",
	"--exclude=global.conf",
	"--exclude=if_*_conf",
	"--exclude=zencert-c.key",
	"--exclude=zencert.pem",
	"--exclude=/local",
}, excluding(own.local)...)

func excluding(names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, "--exclude="+name)
	}
	return all
}

// replicate pushes the whole configuration to the peer and then again after
// every change, until it is told to end. It stays in the foreground, as the
// product's does, and refuses to run twice.
func replicate() (exit int) {
	logger, err := syslog.New(syslog.LOG_LOCAL0|syslog.LOG_INFO, own.replicator)
	if err != nil {
		fmt.Fprintf(os.Stderr, own.replicator+": reach syslog: %v\n", err)
		return 1
	}
	c, err := readCluster()
	if err != nil {
		logger.Warning(err.Error())
		return 1
	}
	if pid := replicatorPID(); pid != 0 {
		fmt.Fprintln(os.Stderr, own.replicator+" is already running")
		logger.Warning(fmt.Sprintf("%s is already running with PID %d", own.replicator, pid))
		return 1
	}
	if err := os.WriteFile(pidFile, fmt.Appendln(nil, os.Getpid()), 0o644); err != nil {
		logger.Err(err.Error())
		return 1
	}
	defer os.Remove(pidFile)

	end := make(chan os.Signal, 1)
	signal.Notify(end, unix.SIGTERM, unix.SIGINT)
	changes, err := watch(configDir)
	if err != nil {
		logger.Err(err.Error())
		return 1
	}
	logger.Info(own.replicator + " started, full replication to " + c.peer.name)
	for reason := "start"; ; {
		if ended := push(logger, c.peer, reason, end); ended {
			return 0
		}
		select {
		case <-end:
			logger.Info(own.replicator + " stopped")
			return 0
		case reason = <-changes:
			reason = drain(changes, reason)
		}
	}
}

// drain takes what else is waiting, so that a burst of changes is pushed once.
func drain(changes <-chan string, last string) string {
	for {
		select {
		case last = <-changes:
		default:
			return last
		}
	}
}

// push copies the configuration to the peer, deleting there what is not here. A
// peer that refuses is logged and forgotten: the next change tries again.
func push(logger *syslog.Writer, peer member, reason string, end <-chan os.Signal) (ended bool) {
	for _, path := range []string{configDir + "/", rtTables} {
		cmd := exec.Command("rsync", rsyncArgs(peer, path)...)
		if err := cmd.Start(); err != nil {
			logger.Err(err.Error())
			return false
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case err := <-done:
			logPush(logger, peer, path, reason, err)
		case <-end:
			cmd.Process.Signal(unix.SIGTERM)
			<-done
			return true
		}
	}
	return false
}

func rsyncArgs(peer member, path string) []string {
	args := []string{"-azvr", "--delete", "-e", "ssh " + strings.Join(sshOptions, " ")}
	args = append(args, excludes...)
	ip := peer.ip
	if strings.Contains(ip, ":") {
		ip = "[" + ip + "]"
	}
	return append(args, path, "root@"+ip+":"+path)
}

func logPush(logger *syslog.Writer, peer member, path, reason string, err error) {
	if err != nil {
		logger.Warning(fmt.Sprintf("replication of %s to %s failed (%s): %v", path, peer.name, reason, err))
		return
	}
	logger.Info(fmt.Sprintf("replicated %s to %s (%s)", path, peer.name, reason))
}

// stopReplication ends the replicator cleanly and waits until it is gone.
func stopReplication() (exit int) {
	pid := replicatorPID()
	if pid == 0 {
		os.Remove(pidFile)
		return 0
	}
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			return 0
		}
		time.Sleep(20 * time.Millisecond)
	}
	return 1
}

// replicatorPID is the process that the pid file names, 0 when there is none or
// it is dead. As in the product, a number that some other process got since is
// taken for a running replicator.
func replicatorPID() int {
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || syscall.Kill(pid, 0) != nil {
		return 0
	}
	return pid
}

// replicatorRuns asks the process table, not the pid file.
func replicatorRuns() bool { return len(running(isReplicator)) > 0 }
