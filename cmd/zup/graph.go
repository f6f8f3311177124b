package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"zup/plan"
	"zup/plan/review"
)

func (c *cli) graphCommand() *cobra.Command {
	form := "dot"
	cmd := &cobra.Command{
		Use:   "graph FILE",
		Short: "Print the graph of a saved plan",
		Long: `graph prints the actions of a plan and their order, as DOT for Graphviz, as
Mermaid, or drawn as SVG. Plans of many clusters are said in words in the SVG.`,
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			write := map[string]func(io.Writer, *plan.Plan){"dot": writeDOT, "mermaid": writeMermaid, "svg": writeSVG}[form]
			if write == nil {
				return usagef("-type is dot, mermaid or svg", "there is no graph of type %q", form)
			}
			p, err := readPlan(args[0])
			if err != nil {
				return err
			}
			w := bufio.NewWriter(c.out)
			write(w, p)
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&form, "type", form, "the `form`: dot, mermaid or svg")
	must(cmd.RegisterFlagCompletionFunc("type", cobra.FixedCompletions([]string{"dot", "mermaid", "svg"}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func writeDOT(w io.Writer, p *plan.Plan) {
	fmt.Fprint(w, "digraph plan {\n  rankdir = TB\n  node [shape = box]\n")
	for i := range p.Clusters {
		fmt.Fprintf(w, "  subgraph %q {\n    label = %q\n", "cluster_"+p.Clusters[i].Name, p.Clusters[i].Name)
		for _, a := range p.Actions {
			if a.Cluster == p.Clusters[i].Name {
				fmt.Fprintf(w, "    %q [label = %q%s]\n", a.ID, a.Node+"\n"+a.Title, dotStyle(a.Impact))
			}
		}
		fmt.Fprint(w, "  }\n")
	}
	for _, a := range p.Actions {
		for _, before := range a.After {
			fmt.Fprintf(w, "  %q -> %q\n", before, a.ID)
		}
	}
	fmt.Fprint(w, "}\n")
}

func dotStyle(i plan.Impact) string {
	if i == plan.None {
		return ""
	}
	return ", style = bold"
}

func writeMermaid(w io.Writer, p *plan.Plan) {
	number := map[string]int{}
	label := strings.NewReplacer(`"`, "#quot;", "<", "#lt;", ">", "#gt;")
	fmt.Fprint(w, "flowchart TD\n")
	for i, a := range p.Actions {
		number[a.ID] = i
		text := a.Title
		if a.Node != "" {
			text = a.Node + ": " + text
		}
		fmt.Fprintf(w, "  a%d[\"%s\"]\n", i, label.Replace(text))
	}
	for i, a := range p.Actions {
		for _, before := range a.After {
			fmt.Fprintf(w, "  a%d --> a%d\n", number[before], i)
		}
	}
}

func writeSVG(w io.Writer, p *plan.Plan) { io.WriteString(w, review.Graph(p)) }
