# apt_lock prints who holds the locks of apt and dpkg, or "free"; nothing where that can not be
# found out.
apt_lock() {
	[ -r /proc/locks ] || return
	stat -c '%i %n' /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock 2>/dev/null | awk '
		!locks { file[$1] = $2; order[n++] = $1; next }
		$2 != "->" { i = $6; sub(/.*:/, "", i); if (i in file) pids[i] = pids[i] " " $5 }
		END { for (k = 0; k < n; k++) if ((i = order[k]) in pids) print file[i] pids[i] }' - locks=1 /proc/locks | {
		free=yes
		while read -r file pids; do
			for pid in $pids; do
				has_open "$pid" "$file" || continue
				read -r comm <"/proc/$pid/comm"
				printf '%s by %s (%s) ' "$file" "$pid" "$comm"
				free=''
				break
			done
		done
		[ -z "$free" ] || printf free
	}
}
# has_open PID FILE: the number of a file repeats from one file system to the next, and
# anybody may lock a file that has it.
has_open() {
	set +f
	for fd in "/proc/$1/fd"/*; do
		if [ "$fd" -ef "$2" ]; then set -f && return; fi
	done
	set -f
	return 1
}
