# Runs in the base system of plain nodes: makes a repository of Debian's own packages in
# two versions each, and leaves the older one installed. Where Debian has a single version,
# the newer one is that very package with a higher number.
mkdir -p /lab/repository
cd /lab/repository
export DEBIAN_FRONTEND=noninteractive
newer() { # newer DEB: the same package, renumbered
	dpkg-deb -R "$1" /tmp/deb
	sed -i 's/^Version: .*/&+lab1/; s/^\(Pre-Depends\|Depends\|Breaks\): .*/&/' /tmp/deb/DEBIAN/control
	version=$(sed -n 's/^Version: //p' /tmp/deb/DEBIAN/control)
	# What belongs together names its version exactly.
	old=${version%+lab1}
	sed -i "s/(= $(printf '%s' "$old" | sed 's/[.+]/\\&/g'))/(= $version)/g" /tmp/deb/DEBIAN/control
	# Another program than before, as with every real update.
	for program in /tmp/deb/usr/sbin/*; do
		[ ! -f "$program" ] || [ -L "$program" ] || printf 'lab' >>"$program"
	done
	dpkg-deb -b /tmp/deb "$(dpkg-deb -f "$1" Package)_newer.deb" >/dev/null
	rm -r /tmp/deb
}
both() { # both PACKAGE...: of one source
	new=$(apt-cache madison "$1" | awk 'NR == 1 { print $3 }')
	old=$(apt-cache madison "$1" | awk '{ v = $3 } END { print v }')
	for package; do
		apt-get -qq download "$package=$old"
		mv "$package"_*.deb "${package}_older.deb"
		if [ "$new" = "$old" ]; then newer "${package}_older.deb"; else apt-get -qq download "$package=$new" && mv "$package"_[!on]*.deb "${package}_newer.deb"; fi
	done
	wants=''
	for package; do wants="$wants $package=$old"; done
	apt-get -qq -y --allow-downgrades --no-install-recommends install $wants
	for package; do printf '%s %s %s\n' "$package" "$old" "$(dpkg-deb -f "${package}_newer.deb" Version)"; done >>/lab/versions
}
both haproxy
both keepalived
both $NGINX
for deb in *.deb; do
	dpkg-deb -f "$deb"
	printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d ' ' -f 1)"
done >Packages
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] http://192.168.100.2/ ./' >/etc/apt/sources.list.d/lab.list
for unit in haproxy nginx keepalived apt-daily.timer apt-daily-upgrade.timer; do systemctl disable $unit; done >/dev/null 2>&1
rm -f /etc/ssh/ssh_host_*
