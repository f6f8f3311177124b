# Has apt take its packages from the offline image. Where the updater does not
# reach the repository it mounts the newest image and names it in the source list
# by itself; where it does, the same is done here, because the configuration
# wants the image. It installs nothing.
name_secrets
list=/etc/apt/sources.list.d/$package.list kept=$zup/kept/$package.list
name=$(basename "$image" .iso)
at=/media/$name
if [ ! -e "$kept" ] && [ ! -e "$kept.absent" ]; then
	if [ -e "$list" ]; then
		cp -p "$list" "$kept.new" && mv -f "$kept.new" "$kept"
	else
		: >"$kept.absent"
	fi
	[ -d "$at" ] || : >"$zup/kept/mountpoint.made"
fi
# mounted: what is mounted there; of a loop device, the file behind it.
mounted() {
	device=$(awk -v at="$at" '$5 == at { d = $3 } END { print d }' /proc/self/mountinfo)
	[ -n "$device" ] || return 0
	cat "/sys/dev/block/$device/loop/backing_file" 2>/dev/null || echo "device $device"
}
case $(mounted) in
'' | "$image") ;;
"$image (deleted)") umount "$at" || exit ;; # an image that was there before this one
*)
	echo "something else is mounted at $at: $(mounted)"
	exit 1
	;;
esac
"$updater"
if ! grep -qsF -e "file://$at " -e "file:$at " "$list"; then
	echo "zup: this node reaches the repository; the image is taken all the same, as configured"
	mkdir -p "$at"
	[ -n "$(mounted)" ] || mount -o loop,ro "$image" "$at" || exit
	line=$(grep -hE '^deb ' "$kept" 2>/dev/null | head -n 1)
	line=${line:-deb repository buster main}
	printf '%s\n' "$line" | sed -E "s#^deb +((\\[[^]]*\\] +)?)[^ ]+#deb \\1file://$at#" >"$list.zup"
	mv -f "$list.zup" "$list"
	apt-get -q update || exit
fi
if [ "$(mounted)" != "$image" ]; then
	echo "$at is not the image: $(mounted)"
	exit 1
fi
