# The offline image is mounted where the updater neither looks nor cleans up.
image_place() { at=/media/zup-$(basename "$image" .iso); }

# image_mounted: what is mounted there; of a loop device, the file behind it.
image_mounted() {
	device=$(awk -v at="$at" '$5 == at { d = $3 } END { print d }' /proc/self/mountinfo)
	[ -n "$device" ] || return 0
	cat "/sys/dev/block/$device/loop/backing_file" 2>/dev/null || echo "device $device"
}

# take_image mounts the image and has apt take its packages from it and from nothing else,
# by a configuration of zup's own: only who has APT_CONFIG in the environment sees it. The
# node's source lists, its apt.conf and its package lists are not touched, and what the
# updater writes into them meanwhile has no effect.
take_image() {
	image_place
	case $(image_mounted) in
	"$image") ;;
	'' | "$image (deleted)")
		[ -z "$(image_mounted)" ] || umount "$at" || exit # an image that was there before this one
		mkdir -p "$at" && mount -o loop,ro "$image" "$at" || exit
		;;
	*)
		echo "something else is mounted at $at: $(image_mounted)"
		exit 1
		;;
	esac
	own_folder
	ours=$zup/apt
	rm -rf "$ours"
	mkdir -p "$ours/sources.list.d" "$ours/lists/partial" || exit
	# What the packages' scripts start lives longer than this: it must not inherit it.
	printf '#!/bin/sh\nunset APT_CONFIG\nexec /usr/bin/dpkg "$@"\n' >"$ours/dpkg" && chmod 755 "$ours/dpkg" || exit
	cat >"$ours/apt.conf" <<END || exit
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$ours/sources.list.d";
Dir::State::lists "$ours/lists";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Bin::dpkg "$ours/dpkg";
APT::Sandbox::User "root";
END
	# Options and components as in the node's own list, the suite that the image has.
	line=$(grep -hE '^deb[[:space:]]' "$zup/kept/$package.list" "/etc/apt/sources.list.d/$package.list" 2>/dev/null | head -n 1)
	options=$(printf '%s\n' "$line" | sed -n 's/^deb[[:space:]]*\(\[[^]]*\]\).*/\1/p')
	rest=$(printf '%s\n' "$line" | sed -E 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?[^[:space:]]+[[:space:]]+//')
	suite=$(ls "$at/dists" 2>/dev/null)
	case $suite in '' | *[![:alnum:]._-]*) suite=${rest%% *} ;; esac
	case $rest in *' '*) components=${rest#* } ;; *) components=main ;; esac
	echo "deb $options file://$at ${suite:-stable} $components" >"$ours/sources.list.d/image.list" || exit
	APT_CONFIG=$ours/apt.conf
	export APT_CONFIG
	apt-get -q update
	has_lists || trust_image
}

has_lists() { [ -n "$(find "$ours/lists" -maxdepth 1 -name '*_Packages*')" ]; }

# trust_image takes the key that the image brings, as the updater does, where the node has
# none for it: which image it is has been proven by its SHA-256.
trust_image() {
	key=$(find "$at" -maxdepth 1 \( -name '*.gpg' -o -name '*.asc' -o -name '*.key' \) -type f)
	case $key in '' | *'
'*)
		echo "apt does not take the lists of $image, and the image has not exactly one key"
		exit 1
		;;
	esac
	as=$ours/key.gpg
	case $(head -c 5 "$key") in -----) as=$ours/key.asc ;; esac
	cp "$key" "$as" || exit
	echo "with the key that the image brings, ${key##*/}"
	sed -i "s#^deb *\(\[[^]]*\]\)\{0,1\} *#deb [signed-by=$as] #" "$ours/sources.list.d/image.list"
	apt-get -q update
	has_lists || { echo "apt does not take the lists of $image"; exit 1; }
}
