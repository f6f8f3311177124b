# Pushes this node's configuration to its peer, once, with the product's own verb.
"$manager" sync
