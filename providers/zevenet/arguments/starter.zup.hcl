# Which load balancers there are, and which version they shall run.
#
#   zup validate   checks this file without touching a node
#   zup plan       looks at the nodes and says what would be done, step by step
#   zup apply      does it
#
# All *.zup.hcl files of a directory are read as one configuration.

zup {
  required_version = ">= 0.1"
}

variable "target" {
  type        = string
  default     = "6.1.20"
  description = "The version that every node shall run"

  validation {
    condition     = can(regex("^6\\.", var.target))
    error_message = "Only version 6 is in scope."
  }
}

# The labels are the product and a name of your own.
cluster "zevenet" "edge" {
  version = var.target # exact: a plan says what will be installed

  # How MASTER's role moves to the other node before it is updated itself:
  # "drain" uses maintenance mode, "restart" the restart that the update makes.
  # switchover = "drain"

  # Raise BACKUP's VRRP priority for the moment of the switchover: clients that ask
  # ARP anew for a virtual IP wait 0.1 s then, and up to 0.9 s without it. It edits
  # the one priority line of keepalived.conf, which the product generates, and puts
  # it back. Where a node has none or several, the plan says so: remove it then.
  boost = true

  # Reboot a node that waits for it, while it is out of its users' way.
  # reboot = "if-needed"

  # Who is MASTER in the end. Left out: whoever is MASTER when the plan is made.
  # master = "zva5n1"

  # Stop before the next step if a probe gets no answer for longer than this.
  # max_interruption = "1s"

  # Defaults for both nodes. Where nothing is said, ~/.ssh/config and the agent
  # decide.
  ssh {
    user = "root"
    # identity_file = "~/.ssh/id_ed25519"
    # jump          = "ops@bastion.example.net"
  }

  # The label is the node's own host name, which is verified. The address is its
  # management address, never a virtual IP.
  node "zva5n1" {
    address = "192.0.2.11"

    # ssh {
    #   port     = 22
    #   host_key = "ssh-ed25519 AAAA…" # left out: known_hosts decides
    # }
  }

  node "zva5n2" {
    address = "192.0.2.12"
  }

  # Carry the update to the nodes if they can't reach the vendor's repository.
  # package {
  #   offline = "update-6.1.20.iso"
  #   sha256  = "…" # of the image, as sha256sum prints it
  # }

  # How to take a snapshot of a node, and how to go back to it. The commands run
  # where zup runs; {node} and {name} are replaced in every argument.
  # snapshot {
  #   create  = ["virsh", "snapshot-create-as", "{node}", "{name}", "--disk-only"]
  #   restore = ["virsh", "snapshot-revert", "{node}", "{name}", "--running"]
  #   delete  = ["virsh", "snapshot-delete", "{node}", "{name}"]
  # }

  # What is watched while the cluster is updated: a virtual IP as users see it.
  # Without any probe block every farm that answers from where zup runs is watched.
  probe "web" {
    http     = "http://198.51.100.10/"
    interval = "100ms"
    timeout  = "1s"
  }

  # probe "mail" {
  #   tcp = "198.51.100.10:25"
  # }
}
