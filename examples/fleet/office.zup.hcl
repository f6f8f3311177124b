# The office's own pair: it goes first, and its users forgive a second.
cluster "zevenet" "office" {
  version = var.target

  node "office-lb1" { address = local.sites.office["office-lb1"] }
  node "office-lb2" { address = local.sites.office["office-lb2"] }

  probe "intranet" { http = "http://${local.sites.office.vip}/" }
}
