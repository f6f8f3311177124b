# Puts this node into maintenance mode through the product's own bridge. It
# answers before the role has moved.
own_folder
: >"$zup/open/maintenance"
printf '[{"action":"maintenance","status":"enable"}]' |
	"$bridge" "$module" set_cluster_actions
echo
