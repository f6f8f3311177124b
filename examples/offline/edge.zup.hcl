# A pair that does not reach the vendor's repository, behind a bastion. zup brings the
# vendor's image to both nodes and has them install from it.
#
# Put the image beside this file as update-6.1.20.iso. What sha256sum printed when it
# was downloaded is in update-6.1.20.iso.sha256, so that nobody has to copy a digest;
# the one that is there belongs to no real image.

cluster "zevenet" "edge" {
  version = "6.1.20"

  package {
    offline = "update-6.1.20.iso"
    sha256  = split(" ", file("update-6.1.20.iso.sha256"))[0]
  }

  # Both nodes are reached through the bastion, whose host key known_hosts must have.
  ssh {
    user = "root"
    jump = "ops@bastion.example.net"
  }

  node "zva5n1" { address = "192.168.100.24" }
  node "zva5n2" { address = "192.168.100.25" }

  # The VIPs can't be reached from here, so nobody measures what users feel. The plan
  # says so, and so does the end of the run.
  probe_farms = false
}
