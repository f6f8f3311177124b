#!/bin/sh
# Snapshots of the machines of edge, which libvirt runs on two hypervisors:
#
#   snapshot.sh create|restore|delete NODE NAME
#   snapshot.sh list NODE
#
# They are of the disk alone, as if the power were cut: one with the memory in it would
# bring back a node that believes it still is MASTER. To go back to such a snapshot and
# to delete it takes libvirt 9.9 or later. Nobody has tried this script on a hypervisor.
case $2 in
zva5n1) at=qemu+ssh://root@hv1.example.net/system ;;
zva5n2) at=qemu+ssh://root@hv2.example.net/system ;;
*)
	echo "snapshot.sh: nobody knows where $2 runs" >&2
	exit 1
	;;
esac
case $1 in
create) exec virsh -c "$at" snapshot-create-as "$2" "$3" --disk-only --atomic ;;
restore) exec virsh -c "$at" snapshot-revert "$2" "$3" --running ;;
delete) exec virsh -c "$at" snapshot-delete "$2" "$3" ;;
list) exec virsh -c "$at" snapshot-list "$2" --name ;;
esac
echo "snapshot.sh: there is no $1" >&2
exit 1
