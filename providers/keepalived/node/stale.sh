# Services that users of the VIPs reach, and keepalived, by their units.
known_units='haproxy nginx apache2 varnish keepalived conntrackd'
unit_pids() {
	case $1 in keepalived) keepalived_pids; return ;; esac
	for pid in $(pidof "$1"); do if is_ours "$pid"; then printf '%s\n' "$pid"; fi; done
}
# stale_units prints those that still run a program, or have a library in memory, that is
# not on the disk any more: an update has replaced it, and nobody has restarted them.
stale_units() {
	for unit in $known_units; do
		for pid in $(unit_pids "$unit"); do
			if is_stale "$pid"; then printf '%s\n' "$unit" && break; fi
		done
	done
}
is_stale() {
	case $(readlink "/proc/$1/exe") in *' (deleted)') return 0 ;; esac
	grep -qE '\.so(\.[0-9.]*)? \(deleted\)$' "/proc/$1/maps" 2>/dev/null
}
