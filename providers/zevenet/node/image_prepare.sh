# Makes ready for an offline image: says whose it is, and that there is room.
# What is sent then is compared and verified by zup itself. Until it is whole it lies in a
# folder beside the updates directory, where the updater does not look.
dir=$(dirname "$image") part=$root/updates.zup
own_folder
mine=$(cat "$zup/open/image" 2>/dev/null)
if [ -n "$mine" ] && [ "$mine" != "$image" ]; then
	echo "an earlier run left $mine there, and it is not removed yet"
	exit 1
fi
if [ -e "$image" ] && [ -z "$mine" ]; then
	got=$(sha256sum <"$image" | cut -d ' ' -f 1)
	if [ "$got" != "$sum" ]; then
		echo "$image is there already with the SHA-256 $got, and zup did not put it there"
		exit 1
	fi
	: >"$zup/kept/image.theirs"
	echo "$image is there already, as it must be; it will not be removed"
fi
printf '%s\n' "$image" >"$zup/open/image"
if [ ! -d "$dir" ]; then
	: >"$zup/kept/updates.made"
	mkdir -p "$dir"
fi
if [ ! -d "$part" ] || [ -L "$part" ]; then
	rm -f "$part"
	mkdir -m 700 "$part" || exit
fi
if [ "$(stat -Lc %d "$dir")" != "$(stat -c %d "$part")" ]; then
	echo "$dir is on another disk than $root: an image can't get its name there in one step, and the updater would take the beginning of one"
	exit 1
fi
there=$(stat -c %s "$image" 2>/dev/null || stat -c %s "$part/$(basename "$image")" 2>/dev/null || echo 0)
need=$(((size - there) / 1024 + 1))
free=$(df -Pk "$dir" | awk 'NR == 2 { print $4 }')
if [ "$need" -gt "${free:-0}" ]; then
	echo "the image needs $need KiB more, and $free KiB are free in $dir"
	exit 1
fi
