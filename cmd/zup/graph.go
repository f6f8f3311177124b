package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"zup/plan"
	"zup/plan/escape"
	"zup/plan/review"
	"zup/plan/show"
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
		c := &p.Clusters[i]
		name := escape.Name(c.Name)
		fmt.Fprintf(w, "  subgraph %s {\n    label = %s\n", dotText("cluster_"+name), dotText(name))
		for k := range p.Actions {
			if a := &p.Actions[k]; a.Cluster == c.Name {
				fmt.Fprintf(w, "    %s [label = %s%s]\n", dotText(escape.Name(a.ID)), dotText(boxed(c, a), escape.Line(a.Title)), dotStyle(a.Impact))
			}
		}
		fmt.Fprint(w, "  }\n")
	}
	for _, a := range p.Actions {
		for _, before := range a.After {
			fmt.Fprintf(w, "  %s -> %s\n", dotText(escape.Name(before)), dotText(escape.Name(a.ID)))
		}
	}
	fmt.Fprint(w, "}\n")
}

var dotQuotes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// dotText is escaped text as a string of DOT, one line each.
func dotText(lines ...string) string {
	for i, s := range lines {
		lines[i] = dotQuotes.Replace(s)
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}

// boxed is where an action runs, "" where that is no single node.
func boxed(c *plan.Cluster, a *plan.Action) string {
	if a.Node == "" {
		return ""
	}
	return show.Where(c, a)
}

func dotStyle(i plan.Impact) string {
	if i == plan.None {
		return ""
	}
	return ", style = bold"
}

func writeMermaid(w io.Writer, p *plan.Plan) {
	number := map[string]int{}
	fmt.Fprint(w, "flowchart TD\n")
	for i := range p.Actions {
		a := &p.Actions[i]
		number[a.ID] = i
		text := escape.Line(a.Title)
		if where := boxed(p.Cluster(a.Cluster), a); where != "" {
			text = where + ": " + text
		}
		fmt.Fprintf(w, "  a%d[\"%s\"]\n", i, mermaidText.Replace(text))
	}
	for i, a := range p.Actions {
		for _, before := range a.After {
			fmt.Fprintf(w, "  a%d --> a%d\n", number[before], i)
		}
	}
}

// mermaidText makes escaped text what Mermaid takes between quotes: whatever could mean
// something there, or in the Markdown around it, is an entity.
var mermaidText = func() *strings.Replacer {
	pairs := []string{`"`, "#quot;", "<", "#lt;", ">", "#gt;"}
	for _, c := range "#&;`\\*[]{}|$" {
		pairs = append(pairs, string(c), fmt.Sprintf("#%d;", c))
	}
	return strings.NewReplacer(pairs...)
}()

func writeSVG(w io.Writer, p *plan.Plan) { io.WriteString(w, review.Graph(p)) }
