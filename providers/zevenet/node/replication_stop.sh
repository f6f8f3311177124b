# Ends the replicator by PID, with everything that it started: an rsync that
# lives on would still overwrite the peer.
descendants() {
	ps -e -o pid= -o ppid= | awk -v top="$1" '
		{ parent[$1] = $2 }
		END { for (pid in parent) for (p = parent[pid]; p > 1; p = parent[p]) if (p == top) { print pid; break } }'
}
pids=$(replicators)
[ -n "$pids" ] || echo 'no replicator is running'
for pid in $pids; do
	family="$pid $(descendants "$pid" | tr '\n' ' ')"
	echo "ending $family"
	kill "$pid"
	tries=0
	while [ -d "/proc/$pid" ] && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
	for one in $family; do
		if [ -d "/proc/$one" ]; then echo "killing $one"; kill -9 "$one"; fi
	done
done
# A PID file of a dead process keeps the next start away if the PID is reused.
if [ -e "$pidfile" ] && ! [ -d "/proc/$(head -n 1 "$pidfile")" ]; then rm -f "$pidfile"; fi
# What is edited from here on can be named.
own_folder
config_sums >"$zup/kept/config.sums"
