# Several pairs in one configuration. They are branches of one plan, updated side by
# side; one that fails stops nobody else.
#
#   zup plan -target office -out office.plan    the one that goes first
#   zup plan -out all.plan                      the others, and nothing for office
#   zup apply -parallelism 2 all.plan           no more than two pairs at a time
#   zup apply -fail-fast all.plan               or: one that fails stops all
#
# Every cluster is written out, so that a plan can be compared with it line by line.
# What they share is a variable or a local value.

zup {
  required_version = ">= 0.1"
}

# prod.zup.vars says which version it is. -var target=… on the command line wins.
variable "target" {
  type        = string
  description = "The version that the pairs shall run"

  validation {
    condition     = can(regex("^6\\.1\\.[0-9]+$", var.target))
    error_message = "Only 6.1 is released for us, not ${var.target}."
  }
}

locals {
  # The addresses are those of the inventory, which other tools read too.
  sites = yamldecode(file("sites.yml"))

  # Longer than what VRRP takes, shorter than what the contract allows.
  budget = "2s"
}
