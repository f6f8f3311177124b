# Puts the VRRP priority back, unless the product wrote the file anew since.
conf=/etc/keepalived/keepalived.conf kept=$zup/kept/keepalived.conf
if [ ! -e "$kept" ]; then
	echo 'nothing was kept'
elif sed -E 's/^([[:space:]]*priority[[:space:]]+).*/\1254/' "$kept" | cmp -s - "$conf"; then
	cp -p "$kept" "$conf.zup"
	mv -f "$conf.zup" "$conf"
	reload_keepalived
else
	echo "$conf was written anew since; it stays"
fi
rm -f "$kept" "$zup/open/boost"
