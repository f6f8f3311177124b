# The shop: two pairs at two places, with boost, because new customers ask ARP anew.
cluster "zevenet" "shop-east" {
  version          = var.target
  boost            = true
  max_interruption = local.budget

  node "east-lb1" { address = local.sites.east["east-lb1"] }
  node "east-lb2" { address = local.sites.east["east-lb2"] }

  probe "shop" {
    http     = "http://${local.sites.east.vip}/health"
    interval = "20ms"
  }
}

# Its preferred node is said here; in the product failback is off.
cluster "zevenet" "shop-west" {
  version          = var.target
  boost            = true
  master           = "west-lb1"
  max_interruption = local.budget

  node "west-lb1" { address = local.sites.west["west-lb1"] }
  node "west-lb2" { address = local.sites.west["west-lb2"] }

  probe "shop" {
    http     = "http://${local.sites.west.vip}/health"
    interval = "20ms"
  }
}
