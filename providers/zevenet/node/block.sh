# Keeps the peer out of this node's sshd: one exact line at the end of hosts.deny.
file=/etc/hosts.deny line=$(deny_line "$peer")
own_folder
: >"$zup/open/hosts.deny"
if grep -qxF "$line" "$file" 2>/dev/null; then
	echo 'the line is there already'
	exit 0
fi
newline=''
if [ -e "$file" ]; then
	cp -pL "$file" "$zup/kept/hosts.deny"
	rm -f "$zup/kept/hosts.deny.absent"
	# A last line without its line feed denies everybody, and >> would join two lines.
	[ ! -s "$file" ] || [ -z "$(tail -c 1 "$file" | tr -d '\n')" ] || newline='
'
else
	: >"$zup/kept/hosts.deny.absent"
fi
printf '%s%s\n' "$newline" "$line" >>"$file"
echo "added \"$line\" to $file"
