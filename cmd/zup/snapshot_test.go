package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// The command "snapshots" of a script starts what a hypervisor is elsewhere: it
// takes and restores snapshots of the nodes of all pairs, for the program "snap":
//
//	snap create|restore|delete NODE NAME
//	snap list NODE
//
// A node that is restored loses its connections.
func init() { scriptCommands["snapshots"] = cmdSnapshots }

func cmdSnapshots(ts *testscript.TestScript, neg bool, args []string) {
	path := filepath.Join(ts.Getenv("WORK"), "s")
	l, err := net.Listen("unix", path)
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv("SNAPSHOTS", path)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var args []string
			json.NewDecoder(c).Decode(&args)
			json.NewEncoder(c).Encode(snapshotAnswer(ts, args))
			c.Close()
		}
	}()
}

func snapshotAnswer(ts *testscript.TestScript, args []string) []string {
	for _, p := range pairs(ts) {
		if len(args) < 2 || p.Nodes[args[1]] == nil {
			continue
		}
		ok := true
		switch args[0] {
		case "create":
			p.Snapshot(args[1], args[2])
		case "restore":
			if ok = p.Restore(args[1], args[2]); ok {
				p.servers[args[1]].DropConnections()
			}
		case "delete":
			ok = p.DeleteSnapshot(args[1], args[2])
		case "list":
			return append([]string{""}, p.Snapshots(args[1])...)
		}
		if ok {
			return []string{""}
		}
	}
	return []string{fmt.Sprintf("%q: there is no such snapshot", args)}
}

// snapMain is the program. Its environment is that of zup.
func snapMain() {
	c, err := net.Dial("unix", os.Getenv("SNAPSHOTS"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	json.NewEncoder(c).Encode(os.Args[1:])
	var answer []string
	if err := json.NewDecoder(c).Decode(&answer); err != nil || answer[0] != "" {
		fmt.Fprintln(os.Stderr, answer, err)
		os.Exit(1)
	}
	for _, line := range answer[1:] {
		fmt.Println(line)
	}
}
