//go:build linux

package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const actionsOf = "Setting cluster action"

// setClusterActions switches maintenance mode on or off. It is not idempotent:
// asking for what is already so is a 400, as in the product.
func setClusterActions(args []json.RawMessage) (answer, error) {
	var action struct{ Action, Status string }
	if len(args) != 1 || json.Unmarshal(args[0], &action) != nil || action.Action != "maintenance" {
		return refuse(actionsOf, "The parameter action expects maintenance"), nil
	}
	c, err := readCluster()
	if err != nil || len(running(isKeepalived)) == 0 {
		return refuse(actionsOf, "The cluster must be enabled"), nil
	}
	if link, err := net.InterfaceByName(c.iface); err != nil || link.Flags&net.FlagUp == 0 {
		return refuse(actionsOf, fmt.Sprintf("The Cluster Interface '%s' is not UP", c.iface)), nil
	}
	switch action.Status {
	case "enable":
		return enableMaintenance()
	case "disable":
		return disableMaintenance(c)
	}
	return refuse(actionsOf, "The parameter status expects enable or disable"), nil
}

// enableMaintenance takes the tracked link down and returns at once: keepalived
// tells the peer, and zcluster-manager writes the new role, a moment later.
func enableMaintenance() (answer, error) {
	if role() == "maintenance" {
		return refuse(actionsOf, "The node is already under maintenance"), nil
	}
	if err := os.WriteFile(maintenanceFlag, nil, 0o644); err != nil {
		return answer{}, err
	}
	if err := setMaintenanceLink("down"); err != nil {
		return answer{}, err
	}
	// With a weight on the link keepalived stays what it is, and has nothing to tell of a backup.
	if _, err := os.Stat("/lab/weight"); err == nil && role() == "backup" {
		if err := setRole("maintenance"); err != nil {
			return answer{}, err
		}
	}
	return done(actionsOf, "Cluster status changed to enable successfully"), nil
}

// disableMaintenance makes the node a backup again, before the link comes up,
// and takes the configuration from a peer that is master. Farms whose files
// have changed by that are restarted.
func disableMaintenance(c cluster) (answer, error) {
	if role() != "maintenance" {
		return refuse(actionsOf, "The node is not under maintenance"), nil
	}
	if err := setRole("backup"); err != nil {
		return answer{}, err
	}
	if err := os.Remove(maintenanceFlag); err != nil && !os.IsNotExist(err) {
		return answer{}, err
	}
	before := farmDigests()
	if peerRole, err := onPeer(c.peer, "head -n 1 "+nodeStatus); err == nil && peerRole == "master" {
		onPeer(c.peer, clusterManager+" sync") // a refusal leaves our configuration as it is, as in the product
	}
	restartChanged(before, farmDigests())
	if err := setMaintenanceLink("up"); err != nil {
		return answer{}, err
	}
	return done(actionsOf, "Cluster status changed to disable successfully"), nil
}

func setMaintenanceLink(state string) error {
	out, err := exec.Command("ip", "link", "set", maintenanceLink, state).CombinedOutput()
	if err != nil {
		return fmt.Errorf("set %s %s: %w: %s", maintenanceLink, state, err, out)
	}
	return nil
}

// farmDigests maps a farm's name to the digest of its file.
func farmDigests() map[string][sha256.Size]byte {
	digests := map[string][sha256.Size]byte{}
	files, _ := filepath.Glob(configDir + "/*_proxy.cfg")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		digests[strings.TrimSuffix(filepath.Base(file), "_proxy.cfg")] = sha256.Sum256(text)
	}
	return digests
}

func restartChanged(before, after map[string][sha256.Size]byte) {
	for farm, digest := range after {
		if before[farm] != digest {
			exec.Command(root+"/bin/farms", "restart", farm).Run()
		}
	}
}
