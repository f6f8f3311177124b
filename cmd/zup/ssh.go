package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"zup/plan/config"
	"zup/plan/escape"
	"zup/providers/ssh"
)

func (c *cli) sshCommand() *cobra.Command {
	p := &planning{cli: c}
	var printing bool
	cmd := &cobra.Command{
		Use:   "ssh NODE",
		Short: "Open a shell on a node as zup reaches it, or print how that is",
		Long: `ssh opens a shell on a node, at this terminal, over the very connection that zup would
use: host, port, user, jump hosts, keys and known host keys. It runs no sudo, takes no
lock, and ends with the exit status of the shell.

ssh -print prints what would be used instead, each with the line of ssh_config, the
configuration or the default that it comes from. It connects to nothing. NODE is the
node's name, or CLUSTER/NODE.`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !printing {
				return p.openShell(cmd.Context(), args[0])
			}
			return p.printWay(cmd.Context(), args[0])
		},
	}
	p.config.add(cmd, false)
	cmd.Flags().BoolVar(&printing, "print", false, "print what would be used, and connect to nothing")
	return cmd
}

func (p *planning) printWay(ctx context.Context, name string) error {
	dir, n, err := p.nodeOf(name)
	if err != nil {
		return err
	}
	fleet := p.newFleet(dir, false)
	defer fleet.Close()
	way, err := fleet.dialer.Way(ctx, fleet.targetOf(n))
	if err != nil {
		return fail(exitError, hintOf(err), "node %q: %w", n.Name, err)
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for i, hop := range way {
		title := fmt.Sprintf("node %q", n.Name)
		if i < len(way)-1 {
			title = fmt.Sprintf("jump host %d of %d, %s", i+1, len(way)-1, escape.Line(hop.Name))
		}
		fmt.Fprintln(w, title)
		printFacts(w, hop)
	}
	return w.Flush()
}

func printFacts(w *tabwriter.Writer, hop ssh.Hop) {
	for _, f := range hop.Facts {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", f.What, escape.Line(f.Value), escape.Line(f.From))
	}
}

// nodeCalled finds a node by its name, or by its cluster's and its own.
func nodeCalled(cfg *config.Config, name string) (*config.Node, error) {
	var found []*config.Node
	var all, same []string
	for _, c := range cfg.Clusters {
		for i := range c.Nodes {
			n := &c.Nodes[i]
			full := c.Name + "/" + n.Name
			all = append(all, full)
			if name == n.Name || name == full {
				found, same = append(found, n), append(same, full)
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, fail(exitError, "the nodes are "+escape.Line(strings.Join(all, ", ")), "the configuration has no node %q", name)
	case 1:
		return found[0], nil
	}
	return nil, fail(exitError, "say which: "+escape.Line(strings.Join(same, " or ")), "several clusters have a node %q", name)
}
