# Ends the replicator by PID, with everything that it started: an rsync that
# lives on would still overwrite the peer.
descendants() {
	ps -e -o pid= -o ppid= | awk -v top="$1" '
		{ parent[$1] = $2 }
		END { for (pid in parent) for (p = parent[pid]; p > 1; p = parent[p]) if (p == top) { print pid; break } }'
}
end_family() {
	family="$1 $(descendants "$1" | tr '\n' ' ')"
	echo "ending $family"
	kill "$1"
	tries=0
	while lives "$1" && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
	for one in $family; do
		if lives "$one"; then echo "killing $one"; kill -9 "$one"; fi
	done
}
pids=$(replicators) || { echo 'nobody can look for it: /proc is not readable'; exit 1; }
[ -n "$pids" ] || echo 'no replicator is running'
# What it had just started when it ended is found the next time.
rounds=0
while [ -n "$pids" ] && [ "$rounds" -lt 3 ]; do
	for pid in $pids; do
		if lives "$pid"; then end_family "$pid"; fi
	done
	rounds=$((rounds + 1))
	pids=$(replicators)
done
unrecognised | while read -r pid how program; do
	echo "left alone: process $pid ($program), known by its $how, which may be a replicator"
done
# A PID file of a dead process keeps the next start away if the PID is reused.
for file in $pidfiles; do
	if [ -e "$file" ] && ! lives "$(head -n 1 "$file" | tr -cd '0-9')"; then rm -f "$file"; fi
done
# What is edited from here on can be named.
own_folder
config_sums >"$zup/kept/config.sums"
