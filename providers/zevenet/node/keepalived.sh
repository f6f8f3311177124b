# PIDs of keepalived that have no keepalived as parent: more than one is a fault.
keepalived_parents() {
	pids=$(pidof keepalived)
	case $? in 0) ;; 1) return 0 ;; *) return 1 ;; esac
	for pid in $pids; do
		parent=''
		while read -r key value; do
			case $key in PPid:) parent=$value && break ;; esac
		done 2>/dev/null <"/proc/$pid/status"
		case " $pids " in *" $parent "*) ;; *) echo "$pid" ;; esac
	done
}
