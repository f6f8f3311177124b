# A pair of virtual machines with a way back. Snapshots of both are taken side by side
# before anything else, and asked for before the update goes on.
#
#   zup state                            lists them
#   zup plan -rollback -out back.plan    plans the way back to them, for the review
#   zup apply back.plan                  goes it

cluster "zevenet" "edge" {
  version = "6.1.20"

  # Without failback in the product, whoever is MASTER when the plan is made is MASTER
  # again at the end. With this it is always zva5n1.
  master = "zva5n1"

  node "zva5n1" { address = "192.168.100.24" }
  node "zva5n2" { address = "192.168.100.25" }

  # The commands run here, beside this file, and not on the nodes. No shell reads them;
  # {node} and {name} are replaced. They stand in the plan word for word, so a password
  # that snapshot.sh may need is none of their arguments: it reads it itself.
  snapshot {
    create  = ["./snapshot.sh", "create", "{node}", "{name}"]
    restore = ["./snapshot.sh", "restore", "{node}", "{name}"]
    delete  = ["./snapshot.sh", "delete", "{node}", "{name}"]
    list    = ["./snapshot.sh", "list", "{node}"]

    # Three days to think better of it; the first plan after that deletes them.
    keep_for = "72h"
  }

  probe "web" { http = "http://192.0.2.10/" }
}
