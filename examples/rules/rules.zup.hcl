# Two sites that stand in for each other, with windows and rules of the house.
#
#   zup plan                          says that both in one run is against a rule, exit code 6
#   zup plan -target berlin           one of them: says when it may be begun
#   zup plan -waive one-site-at-a-time -because "CHG0012345: both carriers agreed"
#
# docs/policy.md has the rest.

# Plans are applied in the nights from Saturday and from Sunday on. Clocks are those of
# Berlin, and the window lasts four real hours, also when they are changed.
window "weekend" {
  days     = ["sat", "sun"]
  start    = "22:00"
  duration = "4h"
  timezone = "Europe/Berlin"
}

# Nothing changes over the turn of the year.
freeze "year-end" {
  from     = "2026-12-18 18:00"
  to       = "2027-01-07 06:00"
  timezone = "Europe/Berlin"
}

locals {
  # One of each pair serves while the other site is worked on.
  twins = [["berlin", "hamburg"]]

  # Where each site wants its MASTER when all is done.
  masters = { berlin = "zva5n1", hamburg = "zvb5n1" }
}

# Never both sites of a pair in one run. Only clusters with actions count.
rule "one-site-at-a-time" {
  condition = alltrue([
    for pair in local.twins :
    length([for site in pair : site if contains([for a in plan.actions : a.cluster], site)]) < 2
  ])
  message = "Sites that stand in for each other are not updated in one run: plan one of them with -target."
}

# boost = true in the clusters makes a switchover shorter than this allows.
rule "fast" {
  condition = alltrue([
    for c in plan.clusters : c.interruption.outages == 0 && c.interruption.per_switchover_ms_max <= 1000
  ])
  message = "A switchover may take 1 s at the most, and somebody has to serve."
}

# There has to be a way back to what was.
rule "snapshots" {
  condition = alltrue([
    for a in plan.actions :
    contains([for s in plan.actions : s.node if s.kind == "snapshot" && s.cluster == a.cluster], a.node)
    if a.kind == "update"
  ])
  message = "Every node needs a snapshot before it is updated: add a snapshot block."
}

rule "master" {
  condition = alltrue([for c in plan.clusters : c.master == local.masters[c.name]])
  message   = "MASTER belongs to the node that its site's users are next to."
}

# Said, not enforced.
rule "clocks" {
  condition = alltrue([
    for c in plan.clusters : alltrue([for k in c.checks : k.status == "passed" if endswith(k.id, ".clock")])
  ])
  message = "A clock is off: times in the report will not match the nodes' logs."
  level   = "warn"
}

cluster "zevenet" "berlin" {
  version = "6.1.20"
  master  = local.masters.berlin

  node "zva5n1" { address = "192.0.2.11" }
  node "zva5n2" { address = "192.0.2.12" }

  snapshot {
    create  = ["virsh", "snapshot-create-as", "{node}", "{name}"]
    restore = ["virsh", "snapshot-revert", "{node}", "{name}"]
    delete  = ["virsh", "snapshot-delete", "{node}", "{name}"]
  }
}

cluster "zevenet" "hamburg" {
  version = "6.1.20"
  master  = local.masters.hamburg

  node "zvb5n1" { address = "198.51.100.11" }
  node "zvb5n2" { address = "198.51.100.12" }

  snapshot {
    create  = ["virsh", "snapshot-create-as", "{node}", "{name}"]
    restore = ["virsh", "snapshot-revert", "{node}", "{name}"]
    delete  = ["virsh", "snapshot-delete", "{node}", "{name}"]
  }
}
