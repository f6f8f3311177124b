#!/bin/sh
# zenbackup.pl NAME -c: packs the configuration. EMULATED, see zevenet.sh; the
# product's own is a Perl program and packs more than this.
# shellcheck source=zevenet.sh
. /usr/local/zevenet/lib/zevenet.sh

case "$2" in
-c)
	mkdir -p "$ZEVENET/backups"
	tar -C / -czf "$ZEVENET/backups/backup-$1.tar.gz" usr/local/zevenet/config etc/keepalived etc/hostname
	hook saved
	;;
*)
	echo "usage: $0 NAME -c" >&2
	exit 1
	;;
esac
