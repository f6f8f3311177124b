# Takes this node out of maintenance mode through the product's own bridge; it
# then fetches the configuration from the master. A node that is not in it is left
# alone: zup was about to have it there when it was cut off, and no more than its
# mark came about.
link=$(ip -o link show cl_maintenance 2>/dev/null) # older versions have no flag and take it down
case $link in '' | *'<'*[,\<]UP[,\>]*) down='' ;; *) down=yes ;; esac
if [ -z "$down" ] && [ ! -e "$root/config/local/maintenance_flag" ] && [ "$(head -n 1 "$root/node_status" 2>/dev/null)" != maintenance ]; then
	echo 'it is not in maintenance mode'
	rm -f "$zup/open/maintenance"
	exit 0
fi
printf '[{"action":"maintenance","status":"disable"}]' |
	"$bridge" "$module" set_cluster_actions
echo
tries=0
while [ -e "$root/config/local/maintenance_flag" ] && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
[ -e "$root/config/local/maintenance_flag" ] || rm -f "$zup/open/maintenance"
