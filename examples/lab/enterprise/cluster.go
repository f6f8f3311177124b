//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Where the product keeps what is read and written here.
var (
	root            = own.root
	configDir       = root + "/config"
	clusterConf     = configDir + "/cluster.conf"
	maintenanceFlag = configDir + "/local/maintenance_flag"
	nodeStatus      = root + "/node_status"
	clusterManager  = root + "/bin/" + own.manager
)

const maintenanceLink = "cl_maintenance"

var errNotClustered = errors.New("not clustered")

// member is a node as cluster.conf names it.
type member struct {
	name string // its hostname
	ip   string // its address on the cluster interface
}

// cluster is this node's view of cluster.conf.
type cluster struct {
	iface string
	local member
	peer  member
}

// readCluster reads cluster.conf. A node is clustered when the file names
// itself and another node.
func readCluster() (cluster, error) {
	text, err := os.ReadFile(clusterConf)
	if err != nil {
		return cluster{}, errNotClustered
	}
	host, err := os.Hostname()
	if err != nil {
		return cluster{}, err
	}
	return parseCluster(string(text), host)
}

func parseCluster(text, host string) (cluster, error) {
	var c cluster
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			section = strings.TrimSuffix(name, "]")
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		switch {
		case !ok:
		case section == "" && key == "interface":
			c.iface = value
		case section == host && key == "ip":
			c.local = member{host, value}
		case section != "" && key == "ip":
			c.peer = member{section, value}
		}
	}
	if c.local.ip == "" || c.peer.ip == "" {
		return cluster{}, errNotClustered
	}
	return c, nil
}

// role is the first line of node_status: master, backup, maintenance, or
// nothing while the service is stopped.
func role() string {
	text, err := os.ReadFile(nodeStatus)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}

func setRole(role string) error {
	return os.WriteFile(nodeStatus, []byte(role+"\n"), 0o644)
}

// sshOptions are the ones that the product gives to every ssh and rsync between
// the nodes.
var sshOptions = []string{"-o", "ConnectTimeout=2", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes"}

// onPeer runs a command on the peer, as root over ssh, and returns its output.
// Where the peer refuses us in hosts.deny that takes two seconds.
func onPeer(peer member, command string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	argv := append([]string{"-n"}, sshOptions...)
	out, err := exec.CommandContext(ctx, "ssh", append(argv, "root@"+peer.ip, command)...).Output()
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", peer.name, err)
	}
	return strings.TrimSpace(string(out)), nil
}
