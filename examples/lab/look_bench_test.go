//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"zup/examples/lab/world"
)

// BenchmarkLook measures how long it takes to look at pairs of real nodes, both sides on
// this machine, beside what other programs take that connect to the same nodes with the
// same parallelism: a bare ssh, and ansible where it is installed.
func BenchmarkLook(b *testing.B) {
	if lacks := world.Missing(); len(lacks) > 0 {
		b.Skip(lacks)
	}
	for _, pairs := range []int{1, 20} {
		w, err := world.Start(b.Context(), world.Options{Clusters: pairs})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(w.Close)
		programs := programsThatLook(b, w)
		for _, name := range []string{"zup", "ssh", "ansible"} {
			argv, ok := programs[name]
			if !ok {
				continue
			}
			b.Run(fmt.Sprintf("nodes=%d/%s", 2*pairs, name), func(b *testing.B) {
				for b.Loop() {
					if out, err := w.Exec(b.Context(), world.Control, argv...); err != nil {
						b.Fatalf("%v\n%s", err, out)
					}
				}
			})
		}
	}
}

// programsThatLook puts what they need onto control. Ten nodes are looked at at a time.
func programsThatLook(b *testing.B, w *world.World) map[string][]string {
	b.Helper()
	put := func(name, data string, mode os.FileMode) {
		if err := w.WriteFile(b.Context(), world.Control, name, []byte(data), mode); err != nil {
			b.Fatal(err)
		}
	}
	zup, err := zupBinary()
	if err != nil {
		b.Fatal(err)
	}
	put(world.Home+"/bin/zup", string(zup), 0o755)
	var config, inventory, names strings.Builder
	for _, c := range w.Clusters {
		config.WriteString(w.Config(c, world.ConfigOptions{NoProbes: true}) + "\n")
		for _, n := range c.Nodes {
			fmt.Fprintf(&inventory, "%s ansible_host=%s ansible_user=root\n", n.Name, n.Address)
			fmt.Fprintln(&names, n.Name)
		}
	}
	put(workDir+"/lab.zup.hcl", config.String(), 0o644)
	put(workDir+"/hosts", inventory.String(), 0o644)
	put(workDir+"/names", names.String(), 0o644)
	in := func(command string) []string { return []string{"sh", "-c", "cd " + workDir + " && " + command} }
	programs := map[string][]string{
		"zup": in(world.Home + "/bin/zup plan -parallelism=10 >/dev/null"),
		"ssh": in("xargs -P 10 -I{} ssh -n {} true <names"),
	}
	if _, err := exec.LookPath("ansible"); err == nil {
		programs["ansible"] = in("ANSIBLE_PYTHON_INTERPRETER=none ansible -i hosts all -f 10 -m raw -a true >/dev/null")
	}
	for name, argv := range programs {
		if out, err := w.Exec(context.WithoutCancel(b.Context()), world.Control, argv...); err != nil {
			b.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	return programs
}

// playbook is the vendor's procedure as people have it in a playbook: in order, with
// nothing proven.
const playbook = `- hosts: all
  gather_facts: false
  tasks:
    - raw: kill -9 $(cat /var/run/zeninotify.pid); echo "sshd{{ ':' }} 192.168.100.25" >>/etc/hosts.deny
      when: inventory_hostname == "zva5n1"
    - raw: . /etc/profile; checkupgrades && echo y | checkupgrades -i
      when: inventory_hostname == "zva5n2"
    - raw: . /etc/profile; checkupgrades && printf 'y\ny\n' | checkupgrades -i
      when: inventory_hostname == "zva5n1"
    - raw: sed -i '/^sshd{{ ':' }} 192.168.100.25$/d' /etc/hosts.deny
      when: inventory_hostname == "zva5n1"
`

// BenchmarkUpdate measures an update in which MASTER stays where it goes, and a playbook
// beside it.
func BenchmarkUpdate(b *testing.B) {
	if lacks := world.Missing(); len(lacks) > 0 {
		b.Skip(lacks)
	}
	for _, name := range []string{"zup", "ansible"} {
		b.Run(name, func(b *testing.B) {
			if _, err := exec.LookPath("ansible-playbook"); name == "ansible" && err != nil {
				b.Skip(err)
			}
			for range b.N {
				b.StopTimer()
				w, err := world.Start(b.Context(), world.Options{})
				if err != nil {
					b.Fatal(err)
				}
				programsThatLook(b, w)
				command := "ANSIBLE_PYTHON_INTERPRETER=none ansible-playbook -i hosts update.yml"
				if name == "zup" {
					command = world.Home + "/bin/zup apply -auto-approve"
				}
				for name, data := range map[string]string{
					"lab.zup.hcl": w.Config(w.Clusters[0], world.ConfigOptions{Master: "zva5n2", NoProbes: true}), "update.yml": playbook,
				} {
					if err := w.WriteFile(b.Context(), world.Control, workDir+"/"+name, []byte(data), 0o644); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
				out, err := w.Exec(b.Context(), world.Control, "sh", "-c", "cd "+workDir+" && "+command)
				b.StopTimer()
				if err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				b.Log(out)
				w.Close()
				b.StartTimer()
			}
		})
	}
}
