//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// nodeState is one node as get_cluster_nodes_status reports it.
type nodeState struct {
	Name    string `json:"name"`
	IP      string `json:"ip"`
	Node    string `json:"node"` // local or remote
	Role    string `json:"role"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

// services is what decides whether a node is well in its role.
type services struct {
	keepalived bool
	replicator bool
}

const notClustered = "There is no cluster configured on this node."

// getClusterNodesStatus judges this node by its own processes and the peer by
// four calls over ssh.
func getClusterNodesStatus([]json.RawMessage) (answer, error) {
	const description = "Showing the cluster nodes status"
	c, err := readCluster()
	if err != nil {
		return answer{200, success{description, "true", notClustered}}, nil
	}
	body := struct {
		Description string      `json:"description"`
		Params      []nodeState `json:"params"`
	}{description, []nodeState{localState(c), peerState(c)}}
	return answer{200, body}, nil
}

func localState(c cluster) nodeState {
	state := judge(role(), services{len(running(isKeepalived)) > 0, replicatorRuns()})
	state.Name, state.IP, state.Node = c.local.name, c.local.ip, "local"
	return state
}

func peerState(c cluster) nodeState {
	role, run, err := askPeer(c.peer)
	state := judge(role, run)
	if err != nil {
		state = nodeState{Role: "unreachable", Status: "unreachable", Message: "Node unreachable"}
	}
	state.Name, state.IP, state.Node = c.peer.name, c.peer.ip, "remote"
	return state
}

// askPeer reads the peer's role and processes as the product does, one ssh call
// each. conntrackd is asked for, too; the lab has none, it always says 1.
func askPeer(peer member) (role string, run services, err error) {
	var answers [4]string
	for i, command := range []string{
		clusterManager + " getZClusterNodeStatus",
		clusterManager + " getZClusterRunning",
		"ps aux | grep -v grep | grep -c " + own.replicator + " || true",
		clusterManager + " getConntrackdRunning",
	} {
		if answers[i], err = onPeer(peer, command); err != nil {
			return "", services{}, err
		}
	}
	return answers[0], services{answers[1] == "1", answers[2] != "0"}, nil
}

// judge tells how a node does. A running replicator is wanted on the master and
// a failure anywhere else.
func judge(role string, run services) nodeState {
	var failed []string
	if !run.keepalived {
		failed = append(failed, "keepalived")
	}
	if run.replicator != (role == "master") {
		failed = append(failed, own.replicator)
	}
	switch {
	case len(failed) > 0:
		return nodeState{Role: role, Status: "failure", Message: "Failed services: " + strings.Join(failed, ", ")}
	case role == "master":
		return nodeState{Role: role, Status: "ok", Message: "Node online and active"}
	case role == "backup":
		return nodeState{Role: role, Status: "ok", Message: "Node online and passive"}
	case role == "maintenance":
		return nodeState{Role: role, Status: "ok", Message: "Node in maintenance mode"}
	}
	return nodeState{Role: "error", Status: "failure", Message: "Unknown role"}
}

// printClusterStatus prints Master or Slave and exits 0 where the cluster has
// exactly one master and that one replicates; 1 where not, 2 where there is no
// cluster.
func printClusterStatus(out io.Writer) (exit int) {
	c, err := readCluster()
	if err != nil {
		fmt.Fprintln(out, notClustered)
		return 2
	}
	local, peer := localState(c), peerState(c)
	if local.Role == "master" {
		fmt.Fprintln(out, "Master")
	} else {
		fmt.Fprintln(out, "Slave")
	}
	healthy := local.Status == "ok" && peer.Status == "ok" && (local.Role == "master") != (peer.Role == "master")
	if !healthy {
		return 1
	}
	return 0
}
