# Puts keepalived.conf back as it was, unless somebody has written it anew since.
conf=$(readlink -f /etc/keepalived/keepalived.conf) kept=$zup/kept/keepalived.conf priority=''
[ ! -s "$zup/open/$mark" ] || read -r priority <"$zup/open/$mark"
if [ ! -e "$kept" ]; then
	echo 'nothing was kept'
elif replace_priorities "$kept" "$priority" | cmp -s - "$conf"; then
	put_back "$kept" "$conf" || exit
	reload_keepalived || exit
elif cmp -s "$kept" "$conf"; then
	reload_keepalived || exit
else
	echo "$conf was edited since zup had changed its priority, and as it was it is in $kept: compare them, put the priority back by hand, and remove $kept"
	exit 1
fi
rm -f "$kept" "$zup/open/$mark"
