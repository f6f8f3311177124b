# Gives this node another VRRP priority in keepalived.conf, for as long as the role is away
# from where it usually is. What was there is kept and put back byte for byte.
conf=$(readlink -f /etc/keepalived/keepalived.conf) kept=$zup/kept/keepalived.conf
own_folder
if [ -e "$kept" ] && replace_priorities "$kept" "$priority" | cmp -s - "$conf"; then
	reload_keepalived
	exit
fi
if [ -e "$kept" ]; then
	echo "$kept is there already, and $conf is not what zup has made of it"
	exit 1
fi
if [ "$(grep -cE '^[[:space:]]*priority[[:space:]]+[0-9]+([[:space:]].*)?$' "$conf")" != "$lines" ]; then
	echo "$conf has not exactly $lines priority lines"
	exit 1
fi
printf '%s\n' "$priority" >"$zup/open/$mark" || exit
if cp -p "$conf" "$kept.part" && mv -f "$kept.part" "$kept" && cp -p "$conf" "$conf.zup" &&
	replace_priorities "$kept" "$priority" >"$conf.zup" && mv -f "$conf.zup" "$conf"; then :; else
	rm -f "$conf.zup" "$kept.part" "$kept" "$zup/open/$mark"
	echo "$conf could not be written"
	exit 1
fi
reload_keepalived
