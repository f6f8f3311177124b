package zevenet

import (
	"fmt"
	"strings"
	pairs "zup/providers/pair"

	"zup/plan"
)

// hasProduct tells a node of the product from everything else that may be at its address.
func hasProduct(p *pair, n *node) pairs.Finding {
	got := n.fact("product")
	form, rest, _ := strings.Cut(got, " ")
	name, _, _ := strings.Cut(rest, " ")
	other := familiar(name)
	switch {
	case got == "yes":
		return pairs.Pass(p.product.title + " with its updater")
	case got == unknown:
		return pairs.Unseen("which product it runs", got)
	case form == "community" && other != nil:
		return p.product.isCommunity(other, "")
	case form == "replaced" && other != nil:
		return p.product.wasReplaced(other, strings.HasSuffix(rest, " community"))
	case form == "other" && other != nil && other != p.product:
		return pairs.Mistaken("does not run "+p.product.title+" but "+other.title, p.product.root+" is not there, "+other.root+" is", p.product.writeInstead(other))
	case form == "beside" && other != nil:
		return pairs.Mistaken("has two products of the family, "+p.product.title+" and "+other.title, p.product.root+" is there with its package, and "+other.root+" with its own",
			"nobody knows which of them serves, so zup does nothing to it: remove one, with its vendor's help")
	case form == "no-updater":
		return pairs.Mistaken("has no updater", p.product.updater+" is not there or can't be executed", p.product.withoutUpdater())
	case form == "without":
		return pairs.Mistaken("lacks a command of "+p.product.title, rest+" can't be executed", "repair the installation first; where the vendor has renamed it, zup does not know the new name yet")
	}
	return p.product.isElse(rest)
}

// familiar returns the product of the family with this name, nil if there is none.
func familiar(name string) *personality {
	for _, p := range family {
		if p.name == name {
			return p
		}
	}
	return nil
}

func (p *personality) writeInstead(other *personality) string {
	return fmt.Sprintf("write cluster %q instead of cluster %q", other.name, p.name)
}

// vendor is how people call who makes the product: the first word of its title.
func (p *personality) vendor() string {
	name, _, _ := strings.Cut(p.title, " ")
	return name
}

// isCommunity is about a node with the community edition of a product of the family.
// detail is what else is known of it, if anything.
func (p *personality) isCommunity(other *personality, detail string) pairs.Finding {
	if detail != "" {
		detail += "; "
	}
	detail += "it has no maintenance mode and nothing to take the role over while the other node serves: its BACKUP is a cold standby, without VIPs and farms"
	hint := "zup can do nothing for it: it updates the pairs of the Enterprise editions. By hand, as its vendor describes: the update of its BACKUP starts the service there, and both nodes have the VIPs then, so keep it from starting meanwhile"
	return pairs.Mistaken(fmt.Sprintf("runs %s Community Edition, and not %s", other.vendor(), p.title), detail, hint)
}

// wasReplaced is about a node where only what is left of the product is there.
func (p *personality) wasReplaced(other *personality, community bool) pairs.Finding {
	detail := fmt.Sprintf("dpkg has the package %s and not %s; what is left in %s is not what runs", other.pkg, p.pkg, p.root)
	if community {
		return p.isCommunity(other, detail)
	}
	return pairs.Mistaken(fmt.Sprintf("does not run %s any more: %s has replaced it", p.title, other.title), detail, p.writeInstead(other))
}

// isElse is about a machine that has none of the products; what is its system, with
// programs that a plain pair is made of, as the facts script says it.
func (p *personality) isElse(what string) pairs.Finding {
	var roots, titles []string
	for _, one := range family {
		roots, titles = append(roots, one.root), append(titles, one.title)
	}
	detail := "none of " + strings.Join(roots, ", ") + " is there"
	system, programs, with := strings.Cut(what, " with ")
	if system != "" {
		detail = "it is a plain " + system + ": " + detail
	}
	if with {
		detail += ", but " + strings.Join(strings.Fields(programs), " and ") + " can be found"
	}
	hint := "zup can do nothing for it: it updates " + strings.Join(titles, ", ") + "; if it is to be one of them, correct the provider or the address of the node"
	return pairs.Mistaken("does not run "+p.title, detail, hint)
}

// Sighting says what a node is, by its facts: whether it runs the product, and otherwise
// what it is in words and what to do about that. It is not near where another product, or
// nobody of the family, would know better.
func (pr Provider) Sighting(facts map[string]string) plan.Sighting {
	p := &pair{product: pr.personality()}
	n := &node{facts: facts}
	f := hasProduct(p, n)
	form, _, _ := strings.Cut(n.fact("product"), " ")
	s := plan.Sighting{
		Here: n.fact("product") == "yes", Near: form != "other" && form != "no" && form != unknown,
		What: f.Summary, Next: f.Hint, Name: facts["hostname"], Says: "cluster.conf has " + facts["nodes"],
	}
	if f.Detail != "" {
		s.What += ": " + f.Detail
	}
	if facts["clustered"] == "yes" {
		s.Members = []plan.Member{}
		for _, word := range strings.Fields(facts["nodes"]) {
			name, address, _ := strings.Cut(word, "=")
			s.Members = append(s.Members, plan.Member{Name: name, Address: address})
		}
	}
	return s
}
