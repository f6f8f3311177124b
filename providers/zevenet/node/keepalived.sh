# PIDs of keepalived that have no keepalived as parent: more than one is a fault.
keepalived_parents() {
	pids=$(pidof keepalived) || return 0
	for pid in $pids; do
		parent=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status" 2>/dev/null)
		case " $pids " in *" $parent "*) ;; *) echo "$pid" ;; esac
	done
}
