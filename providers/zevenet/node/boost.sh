# Raises this node's VRRP priority in the generated configuration, so that it
# takes over at once when the master lets go. The product writes the file anew
# at its next start.
conf=/etc/keepalived/keepalived.conf kept=$zup/kept/keepalived.conf
own_folder
if [ "$(grep -cE '^[[:space:]]*priority[[:space:]]' "$conf")" != 1 ]; then
	echo "$conf has not exactly one priority line"
	exit 1
fi
if ! grep -qE '^[[:space:]]*priority[[:space:]]+254[[:space:]]*$' "$conf"; then
	: >"$zup/open/boost"
	if cp -p "$conf" "$kept" && cp -p "$conf" "$conf.zup" &&
		sed -E 's/^([[:space:]]*priority[[:space:]]+).*/\1254/' "$kept" >"$conf.zup" && mv -f "$conf.zup" "$conf"; then :; else
		rm -f "$conf.zup" "$kept"
		echo "$conf could not be written"
		exit 1
	fi
fi
reload_keepalived
