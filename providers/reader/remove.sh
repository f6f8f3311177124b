#!/bin/sh
# Made by zup @VERSION@. Run on a node as root it takes away what "zup reader" has installed:
#
#   zup reader -remove | ssh root@NODE sh
main() {
	set -eu
	PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
	export PATH LC_ALL
	[ "$(id -u)" -eq 0 ] || { echo 'zup reader: this has to run as root; nothing was removed' >&2; exit 1; }
	if entry=$(getent passwd @USER@); then
		case $entry in
		@USER@:*:[1-9]*:*:*:@HOME@:/bin/sh) ;;
		*)
			echo 'zup reader: the account @USER@ is not zup'\''s; nothing was removed' >&2
			exit 1
			;;
		esac
	fi
	# First what lets somebody in, then what is run.
	rm -f @HOME@/.ssh/authorized_keys /etc/sudoers.d/@USER@
	if [ -n "$entry" ]; then
		userdel --force @USER@ >/dev/null 2>&1 || true
		if getent passwd @USER@ >/dev/null; then
			echo 'zup reader: the account @USER@ is still there: userdel @USER@' >&2
			exit 1
		fi
	fi
	rm -f @PATH@
	for folder in @HOME@/.ssh @HOME@ @LIB@; do
		[ ! -d "$folder" ] || rmdir "$folder" 2>/dev/null || echo "zup reader: $folder stays: there is something else in it" >&2
	done
	echo 'What zup reader had installed is gone.'
}

main </dev/null
