# Has apt take its packages from the offline image, whether the node reaches the
# repository or not, and from nothing else. It installs nothing.
name_secrets
own_folder
list=/etc/apt/sources.list.d/$package.list kept=$zup/kept/$package.list
# The updater writes its list anew when it likes, and mounts the image at a place of its
# own where it does not reach the repository: that is put back at the end.
if [ ! -e "$kept" ] && [ ! -e "$kept.absent" ]; then
	if [ -e "$list" ]; then
		cp -p "$list" "$kept.new" && mv -f "$kept.new" "$kept"
	else
		: >"$kept.absent"
	fi
	[ -d "/media/$(basename "$image" .iso)" ] || : >"$zup/kept/mountpoint.made"
fi
take_image
