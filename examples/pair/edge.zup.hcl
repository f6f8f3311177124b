# One pair of load balancers that reach the vendor's repository. This is all that an
# update needs; what is commented out is for those who want it.
#
#   zup plan -out edge.plan    looks at both nodes and says what would be done
#   zup apply edge.plan        does that, and nothing else
#
# To another version without editing this file: zup plan -var target=6.1.21

zup {
  required_version = ">= 0.1"
}

variable "target" {
  type        = string
  default     = "6.1.20"
  description = "The version that both nodes shall run"
}

cluster "zevenet" "edge" {
  version = var.target

  # Nobody who uses the VIPs may be without an answer for longer than this. It is
  # measured while the update goes on; beyond it the run stops before its next action.
  max_interruption = "3s"

  # Clients that ask ARP just while the role moves would wait for 0.8 s. With boost
  # they do not, but zup edits a file for it that the product generates.
  # boost = true

  # The label is the node's own host name, the address never a VIP. The host keys have
  # to be in ~/.ssh/known_hosts; zup prints the line where one is missing.
  node "zva5n1" { address = "192.168.100.24" }
  node "zva5n2" { address = "192.168.100.25" }

  # What users see, asked for from here, 50 times a second. An answer below 500 counts.
  probe "web" {
    http     = "http://192.0.2.10/"
    interval = "20ms"
  }

  # A port that accepts is an answer too: for mail, databases, anything that is TCP.
  probe "mail" {
    tcp      = "192.0.2.11:25"
    interval = "20ms"
  }
}
