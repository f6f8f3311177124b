package zevenet

// failsBack reports whether the cluster returns MASTER to its primary by itself
// once that node is back.
func (p *pair) failsBack() bool {
	n := p.node(p.primary)
	if n == nil {
		return false
	}
	if !p.forgetsPrimary() {
		return true
	}
	// What is left there is a primary whose service starts while MASTER keeps it
	// out: it finds no master, and nothing takes its higher priority away again.
	if n != p.backup {
		return false
	}
	if p.needs(n) {
		return p.mustBlock()
	}
	return p.priorityOf(n) > p.priorityOf(p.master)
}

// forgetsPrimary reports whether the planned version gives a primary that finds a
// master a low priority for good, so that it does not fail back although it is
// configured: 6.1.0 to 6.1.10 of Zevenet.
func (p *pair) forgetsPrimary() bool {
	v := p.cfg.Version
	return p.product.name == "zevenet" && atLeast(v, "6.1.0") && !atLeast(v, "6.1.11")
}
