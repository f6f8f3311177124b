# Updates this node with the product's own updater, which exits with 0 whatever
# happens. On a backup it appends its own line to hosts.deny and removes it with
# an unanchored pattern that takes other lines along: those are put back.
name_secrets
file=/etc/hosts.deny kept=$zup/kept/hosts.deny.update
real=$(readlink -f "$file")
own_folder
rm -f "$kept"
[ ! -e "$file" ] || cp -pL "$file" "$kept"
"$updater" -i
if [ ! -e "$kept" ]; then
	[ -s "$file" ] || rm -f "$file"
elif ! cmp -s "$kept" "$file"; then
	own="sshd: $peer"
	if { cat "$kept"; echo "$own"; } | sed "/$own/d" | cmp -s - "$file" ||
		{ cat "$kept"; echo "$own"; } | cmp -s - "$file"; then
		# A full disk must not put a part of the file in its place.
		if cp -p "$kept" "$real.zup" && mv -f "$real.zup" "$real"; then
			echo "zup: put $file back as it was before the updater"
		else
			rm -f "$real.zup"
			echo "zup: $file could not be put back; as it was before the updater it is in $kept"
			exit 1
		fi
	else
		echo "zup: $file was changed by somebody else meanwhile; putting back only what the updater took"
		grep -F "$own" "$kept" | while IFS= read -r lost; do
			grep -qxF -- "$lost" "$file" || printf '%s\n' "$lost" >>"$file"
		done
	fi
fi
rm -f "$kept"
