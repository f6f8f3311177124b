# Takes the line for the peer out of hosts.deny, whoever left it there. Where the
# file is otherwise as zup found it, its very bytes come back.
# The updater writes an IPv6 address without brackets, which keeps nobody out: that line
# goes as well.
file=/etc/hosts.deny line=$(deny_line "$peer") bare="sshd: $peer"
real=$(readlink -f "$file")
end_line() { [ ! -s "$1" ] || [ -z "$(tail -c 1 "$1" | tr -d '\n')" ] || echo; }
# A full disk must not put a part of the file in its place.
put_back() {
	if cp -p "$1" "$real.zup" && mv -f "$real.zup" "$real"; then return; fi
	rm -f "$real.zup"
	echo "$file could not be put back; as it was it is in $1"
	exit 1
}
# take_out LINE: where it can't be, everything stays.
take_out() {
	if cp -p "$real" "$real.zup" && { grep -vxF "$1" "$file" >"$real.zup" || [ $? -eq 1 ]; } &&
		mv -f "$real.zup" "$real"; then return; fi
	rm -f "$real.zup"
	echo "the line could not be taken out of $file"
	exit 1
}
# as_left KEPT: the file is what zup, or the updater, made of what was kept.
as_left() {
	[ -e "$1" ] || return 1
	{ cat "$1"; end_line "$1"; printf '%s\n' "$line"; } | cmp -s - "$file" && return
	{ cat "$1"; printf '%s\n' "$line"; } | cmp -s - "$file" && return
	{ cat "$1"; end_line "$1"; } | cmp -s - "$file"
}
if [ -e "$zup/kept/hosts.deny.absent" ] && printf '%s\n' "$line" | cmp -s - "$file"; then
	rm -f "$file"
	echo "removed $file, which was not there before"
elif as_left "$zup/kept/hosts.deny"; then
	put_back "$zup/kept/hosts.deny"
	echo "put $file back as it was"
elif as_left "$zup/kept/hosts.deny.update"; then
	put_back "$zup/kept/hosts.deny.update"
	echo "put $file back as it was before the updater changed it"
elif grep -qxF "$line" "$file" 2>/dev/null; then
	take_out "$line"
	echo "removed the line \"$line\"; the rest of $file was changed by somebody else and stays"
else
	echo 'the line is gone already'
fi
if grep -qxF "$bare" "$file" 2>/dev/null; then
	take_out "$bare"
	echo "removed the line \"$bare\" of the updater's"
fi
rm -f "$zup/open/hosts.deny" "$zup/kept/hosts.deny" "$zup/kept/hosts.deny.absent" "$zup/kept/hosts.deny.update"
