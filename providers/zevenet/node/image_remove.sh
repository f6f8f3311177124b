# Takes an offline image away again: the mount, the line in the source list, the
# package lists that were read from it, and the file, if zup put it there.
image=$(cat "$zup/open/image" 2>/dev/null)
list=/etc/apt/sources.list.d/$package.list kept=$zup/kept/$package.list
if [ -z "$image" ]; then
	echo 'there is none of zup'
	exit 0
fi
name=$(basename "$image" .iso)
at=/media/$name
if [ -e "$kept" ] || [ -e "$kept.absent" ]; then # otherwise nothing was mounted yet
	if ! grep -qsF -e "file://$at " -e "file:$at " "$list"; then
		echo "$list names another source by now, and stays as it is"
	elif [ -e "$kept" ]; then
		cp -p "$kept" "$list.zup" && mv -f "$list.zup" "$list" || exit
		echo "put $list back as it was"
	else
		rm -f "$list"
		echo "removed $list, which was not there before"
	fi
	tries=0
	while awk -v at="$at" '$5 == at { found = 1 } END { exit !found }' /proc/self/mountinfo; do
		umount "$at" || sleep 1
		tries=$((tries + 1))
		if [ "$tries" -gt 10 ]; then
			echo "$at can't be unmounted"
			exit 1
		fi
	done
	[ ! -e "$zup/kept/mountpoint.made" ] || rmdir "$at" || exit
	find /var/lib/apt/lists -maxdepth 1 -name "*_$(printf '%s' "$name" | sed 's/_/%5f/g')_dists_*" -delete
fi
rm -f "$image.zup-part"
if [ -e "$zup/kept/image.theirs" ]; then
	echo "$image stays: it was there before"
else
	rm -f "$image" || exit
	echo "removed $image"
fi
[ ! -e "$zup/kept/updates.made" ] || rmdir "$(dirname "$image")" || exit
rm -f "$kept" "$kept.absent" "$kept.new" "$zup/kept/image.theirs" "$zup/kept/mountpoint.made" "$zup/kept/updates.made" "$zup/open/image"
