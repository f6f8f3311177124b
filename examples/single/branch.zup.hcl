# A node without a cluster: there is nobody to take over, so its users have no service
# while it updates, up to a minute. The plan says so before anything else, and apply
# asks before it begins. The probe measures how long it really was.

cluster "zevenet" "branch" {
  version = "6.1.20"

  # A package may want the node to be rebooted. With this it is, as part of the update,
  # and the outage is longer; without it the report says that a reboot is pending.
  reboot = "if-needed"

  node "zva5n1" { address = "192.168.100.24" }

  # The way back, since nobody else serves: a snapshot is taken before anything is
  # done, and zup plan -rollback makes the plan that goes back to it.
  snapshot {
    create  = ["virsh", "snapshot-create-as", "{node}", "{name}", "--disk-only"]
    restore = ["virsh", "snapshot-revert", "{node}", "{name}", "--running"]
    list    = ["virsh", "snapshot-list", "{node}", "--name"]
  }

  probe "web" {
    http    = "http://192.0.2.10/"
    timeout = "2s"
  }
}
