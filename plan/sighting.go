package plan

// Sighting is what a product makes of a node that nobody has configured yet. Its text is
// the product's, with words of the node in it: whoever shows it escapes it.
type Sighting struct {
	Here bool   // it runs the product
	Near bool   // it does not, and nobody knows it better than this product does
	What string // otherwise: what it is
	Next string // and what to do about that; may be empty

	Name    string   // what the node calls itself
	Members []Member // of its cluster, itself included; nil: it is in none
	Says    string   // Members in the node's own words, and where they are from
}

// Member is a node of a cluster as another node of it knows it. Both are that node's word.
type Member struct {
	Name    string
	Address string
}

// Draft is what a product writes into a configuration of nodes that were found.
type Draft struct {
	Version   string // the highest one that a node runs
	Arguments string // further arguments of the cluster's block with their reasons, as HCL; may be empty
}
