# Puts the VRRP priority back, unless the product wrote the file anew since.
conf=/etc/keepalived/keepalived.conf kept=$zup/kept/keepalived.conf
if [ ! -e "$kept" ]; then
	echo 'nothing was kept'
elif sed -E 's/^([[:space:]]*priority[[:space:]]+).*/\1254/' "$kept" | cmp -s - "$conf"; then
	if cp -p "$kept" "$conf.zup" && mv -f "$conf.zup" "$conf"; then :; else
		rm -f "$conf.zup"
		echo "$conf could not be put back; as it was it is in $kept"
		exit 1
	fi
	reload_keepalived
else
	echo "$conf was written anew since; it stays"
fi
rm -f "$kept" "$zup/open/boost"
