# PIDs of keepalived that have no keepalived as parent: more than one is a fault.
keepalived_parents() {
	pids=$(pidof keepalived)
	case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
	for pid in $pids; do
		parent=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status" 2>/dev/null)
		case " $pids " in *" $parent "*) ;; *) echo "$pid" ;; esac
	done
}
