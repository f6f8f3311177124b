# Keeps /etc/sysctl.conf, which the package empties; an older copy gets its date.
if [ -n "$(sysctl_lines)" ] && ! cmp -s /etc/sysctl.conf "$sysctl"; then
	[ ! -e "$sysctl" ] || mv -f "$sysctl" "$sysctl.$(date -u -r "$sysctl" +%Y%m%dT%H%M%SZ)"
	if mkdir -p "${sysctl%/*}" && cp -p /etc/sysctl.conf "$sysctl.new" && mv -f "$sysctl.new" "$sysctl"; then
		echo "zup: /etc/sysctl.conf is kept as $sysctl"
	else
		rm -f "$sysctl.new"
		echo "zup: there is no room for a copy of /etc/sysctl.conf, which the package empties: nothing was installed"
		exit 1
	fi
fi
