# Takes an offline image away again: every mount of it, apt's configuration for it, what the
# updater has made of the source list and the package lists because of it, and the file, if
# zup put it there.
image=$(cat "$zup/open/image" 2>/dev/null)
if [ -z "$image" ]; then
	echo 'there is none of zup'
	exit 0
fi
list=/etc/apt/sources.list.d/$package.list kept=$zup/kept/$package.list
name=$(basename "$image" .iso)
# The updater's own places for an image, and the one of zup's.
places="/media/$name /media/local_update_repo /media/zup-$name"
if [ -e "$kept" ] || [ -e "$kept.absent" ]; then # otherwise nothing was mounted yet
	names=''
	for at in $places; do
		if grep -qsF -e "file://$at " -e "file:$at " "$list"; then names=yes; fi
	done
	if [ -z "$names" ]; then
		if ! { [ -e "$kept" ] && cmp -s "$kept" "$list"; } && ! { [ -e "$kept.absent" ] && [ ! -e "$list" ]; }; then
			echo "$list names another source by now, and stays as it is"
		fi
	elif [ -e "$kept" ]; then
		cp -p "$kept" "$list.zup" && mv -f "$list.zup" "$list" || exit
		echo "put $list back as it was"
	else
		rm -f "$list"
		echo "removed $list, which was not there before"
	fi
	# What is behind a mount, by the numbers of its device.
	while read -r _ _ device _ at _; do
		file=''
		[ ! -e "/sys/dev/block/$device/loop/backing_file" ] || read -r file <"/sys/dev/block/$device/loop/backing_file"
		case $file in "$image" | "$image (deleted)") echo "$at" ;; esac
	done </proc/self/mountinfo >"$zup/kept/mounts"
	while read -r at; do
		tries=0
		while ! umount "$at"; do
			tries=$((tries + 1))
			if [ "$tries" -gt 10 ]; then
				echo "$at can't be unmounted"
				exit 1
			fi
			sleep 1
		done
	done <"$zup/kept/mounts"
	[ ! -d "/media/zup-$name" ] || rmdir "/media/zup-$name" || exit
	[ ! -e "$zup/kept/mountpoint.made" ] || [ ! -d "/media/$name" ] || rmdir "/media/$name" || exit
	for at in "$name" local_update_repo; do
		find /var/lib/apt/lists -maxdepth 1 -name "*_media_$(printf '%s' "$at" | sed 's/_/%5f/g')_dists_*" -delete
	done
fi
part=$root/updates.zup
rm -f "$part/$name.iso" "$image.zup-part"
[ ! -d "$part" ] || rmdir "$part" || exit
if [ -e "$zup/kept/image.theirs" ]; then
	echo "$image stays: it was there before"
else
	rm -f "$image" || exit
	echo "removed $image"
fi
[ ! -e "$zup/kept/updates.made" ] || rmdir "$(dirname "$image")" || exit
rm -rf "$zup/apt"
rm -f "$kept" "$kept.absent" "$kept.new" "$zup/kept/mounts" "$zup/kept/image.theirs" "$zup/kept/mountpoint.made" "$zup/kept/updates.made" "$zup/open/image"
