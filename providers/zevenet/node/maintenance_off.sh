# Takes this node out of maintenance mode through the product's own bridge; it
# then fetches the configuration from the master. A node that is not in it
# answers 400, which is what is wanted.
printf '[{"action":"maintenance","status":"disable"}]' |
	"$bridge" "$module" set_cluster_actions
echo
tries=0
while [ -e "$root/config/local/maintenance_flag" ] && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
[ -e "$root/config/local/maintenance_flag" ] || rm -f "$zup/open/maintenance"
