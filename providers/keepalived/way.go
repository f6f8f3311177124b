package keepalived

import (
	"fmt"
	"slices"
	"strings"

	"zup/providers/keepalived/arguments"
	"zup/providers/vrrp"
)

// Names of the temporary changes.
const (
	markPriority = "priority" // keepalived.conf of a node has a lower priority than usual
	markTrack    = "track"    // a file that keepalived tracks on a node has a number of zup's
	markRaise    = "raise"    // keepalived.conf of a node has a higher priority than usual
	markStopped  = "stopped"  // keepalived is stopped on a node
)

// raised is the priority that a node gets that shall take the role at once.
const raised = 254

// way is how MASTER moves from one node to the other.
type way struct {
	how   string // arguments.DrainTrack, arguments.DrainPriority or arguments.DrainRaise
	file  string // of arguments.DrainTrack
	value int    // what is written there; the priority that is set otherwise
}

// wayTo finds the way to move MASTER to a node; why says what is against each of those that
// were asked for, where there is none.
func (p *pair) wayTo(to *node) (w way, why string) {
	from := p.peer(to)
	var against []string
	for _, try := range []struct {
		how  string
		find func(from, to *node) (way, string)
	}{{arguments.DrainTrack, byTrackFile}, {arguments.DrainPriority, byPriority}, {arguments.DrainRaise, byRaising}} {
		if p.settings.Drain != arguments.DrainAuto && p.settings.Drain != try.how {
			continue
		}
		found, why := try.find(from, to)
		if why == "" {
			return found, ""
		}
		against = append(against, try.how+": "+why)
	}
	return way{}, strings.Join(against, "; ")
}

// takes says why a node would not take the role by its higher priority; "" if it would.
func takes(to *node) string {
	for i := range to.instances {
		if !to.instances[i].Preempt {
			return fmt.Sprintf("%s has nopreempt in %s, and takes no role from a MASTER of a lower priority", to.name, to.instances[i].Name)
		}
	}
	return ""
}

// instance returns a node's instance of that name, or nil.
func (n *node) instance(name string) *vrrp.Instance {
	for i := range n.instances {
		if n.instances[i].Name == name {
			return &n.instances[i]
		}
	}
	return nil
}

// byTrackFile looks for one file that every instance of a node tracks with a weight that
// can bring each below the other node's.
func byTrackFile(from, to *node) (way, string) {
	if why := takes(to); why != "" {
		return way{}, why
	}
	if len(from.files) == 0 {
		return way{}, from.name + " tracks no file"
	}
	why := ""
	for _, f := range from.files {
		if slices.Contains([]string{"", "unknown"}, f.Path) || !strings.HasPrefix(f.Path, "/") || strings.Contains(f.Path, "?") {
			continue
		}
		value := 0
		why = ""
		for i := range from.instances {
			add, problem := lowers(&from.instances[i], from.files, f.Path, to)
			if problem != "" {
				why = problem
				break
			}
			value = max(value, f.Status+add)
		}
		if why == "" && value > 254 {
			why = fmt.Sprintf("the number in %s would have to be %d", f.Path, value)
		}
		if why == "" {
			return way{arguments.DrainTrack, f.Path, value}, ""
		}
	}
	if why == "" {
		why = "no file of " + from.name + " has a path that zup writes to"
	}
	return way{}, why
}

// lowers returns by how much the number in a file has to grow so that an instance's
// priority is below the other node's.
func lowers(of *vrrp.Instance, files []vrrp.TrackFile, path string, to *node) (int, string) {
	at := slices.IndexFunc(files, func(f vrrp.TrackFile) bool { return f.Path == path && f.Instance == of.Name })
	other := to.instance(of.Name)
	switch {
	case at < 0:
		return 0, fmt.Sprintf("%s does not track %s", of.Name, path)
	case other == nil:
		return 0, fmt.Sprintf("%s has no instance %s", to.name, of.Name)
	case files[at].Weight >= 0:
		return 0, fmt.Sprintf("%s tracks %s with weight %d, and only a negative one lowers its priority while it serves", of.Name, path, files[at].Weight)
	case other.Effective < 2:
		return 0, fmt.Sprintf("%s has priority %d in %s, and nothing is lower", to.name, other.Effective, of.Name)
	}
	weight := -files[at].Weight
	return max(1, (of.Effective-other.Effective+weight)/weight), ""
}

// byPriority lowers the priorities in keepalived.conf of the node that is MASTER.
func byPriority(from, to *node) (way, string) {
	if why := takes(to); why != "" {
		return way{}, why
	}
	if why := from.editable(); why != "" {
		return way{}, why
	}
	value := raised
	for i := range from.instances {
		of := &from.instances[i]
		other := to.instance(of.Name)
		if other == nil {
			return way{}, fmt.Sprintf("%s has no instance %s", to.name, of.Name)
		}
		value = min(value, other.Effective-1-(of.Effective-of.Priority))
	}
	if value < 1 {
		return way{}, fmt.Sprintf("%s has so low a priority that that of %s can't be put below it", to.name, from.name)
	}
	return way{how: arguments.DrainPriority, value: value}, ""
}

// byRaising raises the priorities of the node that is BACKUP and stops keepalived on the
// other one.
func byRaising(_, to *node) (way, string) {
	if why := to.editable(); why != "" {
		return way{}, why
	}
	return way{how: arguments.DrainRaise, value: raised}, ""
}

// editable says why the priorities in a node's keepalived.conf can't be replaced; "" if they
// can.
func (n *node) editable() string {
	if lines := atoi(n.fact("priority_lines")); lines != len(n.instances) {
		return fmt.Sprintf("keepalived.conf of %s has %d lines with nothing but a priority, and %d instances", n.name, lines, len(n.instances))
	}
	return ""
}
