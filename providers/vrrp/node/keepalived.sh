# keepalived_pids prints the PIDs of keepalived. What somebody else calls so is not it.
keepalived_pids() {
	named=$(pidof keepalived)
	case $? in 0 | 1) ;; *) return 1 ;; esac
	for named_pid in $named; do
		if is_ours "$named_pid"; then echo "$named_pid"; fi
	done
}

# PIDs of keepalived that have no keepalived as parent: more than one is a fault.
keepalived_parents() { keepalived_related '' ; }

# PIDs of those that have one: what it has started, for VRRP and what else it does.
keepalived_children() { keepalived_related yes; }

keepalived_related() {
	pids=$(keepalived_pids) || return 1
	for pid in $pids; do
		parent=''
		while read -r key value; do
			case $key in PPid:) parent=$value && break ;; esac
		done 2>/dev/null <"/proc/$pid/status"
		case "
$pids
" in *"
$parent
"*) [ -z "$1" ] || echo "$pid" ;; *) [ -n "$1" ] || echo "$pid" ;; esac
	done
}

# heeds MASK PID...: whether each of these processes has said what it does with the
# signal of that bit. One that has just started has not: the signal would end it. What
# it waits for (signalfd) is blocked, what it has a handler for is caught. The last four
# of the sixteen digits have the signals that are of interest here.
heeds() {
	mask=$1
	shift
	for one in "$@"; do
		said=0
		while read -r key value; do
			case $key in SigBlk: | SigIgn: | SigCgt:) said=$((said | 0x${value#????????????})) ;; esac
		done 2>/dev/null <"/proc/$one/status"
		[ $((said & mask)) -ne 0 ] || return 1
	done
}

# ready_for MASK: waits until every keepalived heeds the signal, for a second at most.
ready_for() {
	tries=0
	# shellcheck disable=SC2046 # a word for each process
	until heeds "$1" $(keepalived_pids); do
		[ "$tries" -lt 50 ] || return 1
		sleep 0.02
		tries=$((tries + 1))
	done
}
