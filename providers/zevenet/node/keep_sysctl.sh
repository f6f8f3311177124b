# The package takes everything but comments out of /etc/sysctl.conf. A copy stays on the
# node: the product's own one is written over by the next update. One of an earlier update
# that says something else gets its date behind its name.
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
