# What reboot is pending: "none", a package's wish, or a kernel that is newer than
# the one that runs.
pending_reboot() {
	if [ -e /run/reboot-required ]; then printf 'required by a package'; return; fi
	read -r running </proc/sys/kernel/osrelease || return
	newest=$({ printf '%s\n' "$running"; find /boot -maxdepth 1 -name 'vmlinuz-*' -printf '%f\n' 2>/dev/null | sed 's/^vmlinuz-//'; } | sort -V | tail -n 1)
	if [ "$newest" = "$running" ]; then printf none; else printf 'running %s, installed %s' "$running" "$newest"; fi
}
