#!/bin/sh
# zup-reader edition @EDITION@, of zup @VERSION@: what a key that may only read can ask of
# this node. "zup reader" has printed it and docs/reader.md of zup explains it.
#
# sshd runs it for the account @USER@ whatever is asked for. It then runs itself as root, by
# the one sudo rule that the account has, which allows it no argument. As root it reads one
# line of its standard input, and nothing else decides what it does:
#
#   MARK LENGTH read 1 facts PRODUCT SHA256 NAME...    prints these facts
#   MARK LENGTH read 1 lock                            says who has zup's lock, and which jobs run
#
# It answers "MARK zup-reader PROTOCOL EDITION VERSION VERDICT", and then what was asked
# for. Exit status 77: refused; 78: the facts are those of another edition.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
umask 077
cd /

# refuse WORDS says why nothing was done, and no more.
refuse() {
	echo "zup-reader: $1" >&2
	exit 77
}
[ "$#" -eq 0 ] || refuse 'it takes no arguments'

if [ "$(id -u)" -ne 0 ]; then
	case ${SSH_ORIGINAL_COMMAND-} in
	*"' zup") ;; # what zup runs in each session ends so
	*) refuse 'this key may only read, by zup plan and zup status: no shell, no file transfer, no forwarding' ;;
	esac
	sudo -n -- @PATH@
	status=$?
	case $status in 0 | 77 | 78) exit "$status" ;; esac
	refuse "it did not become root, or it failed (status $status)"
fi

# The line, of which the first 4,000 bytes count; what has no end is not waited for.
line=$(timeout 20 head -n 1 | head -c 4001)
[ "${#line}" -le 4000 ] || refuse 'that is too long for a request'
case $line in *[!A-Za-z0-9\ _-]*) refuse 'that is not a request of zup' ;; esac
set -f
# shellcheck disable=SC2086 # words of letters, digits, "_" and "-"
set -- $line
mark=${1-}
case $mark in zup-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]) ;; *) refuse 'that is not a request of zup' ;; esac
answer() { echo "$mark zup-reader @PROTOCOL@ @EDITION@ @VERSION@ $1"; }
# deny VERDICT STATUS WORDS
deny() {
	answer "$1"
	echo "zup-reader: $3" >&2
	exit "$2"
}
[ "${3-} ${4-}" = 'read @PROTOCOL@' ] || deny refused 77 'this key may only read, by zup plan and zup status'
what=${5-}
product=${6-} digest=${7-}

# Who has the lock, as zup's own program says it, without what it could change.
lock() {
	perl - <<'END-OF-PROGRAM'
@LOOK@
END-OF-PROGRAM
}

# The facts of each product, by the very script that zup sends a key that may do more.
@FACTS@
case $what in
lock)
	[ "$#" -eq 5 ] || deny refused 77 'lock takes no more words'
	answer ok
	lock </dev/null
	;;
facts)
	case "$product $digest" in
@KNOWN@
	*) deny other 78 'its facts are those of another edition' ;;
	esac
	[ "$#" -gt 7 ] || deny refused 77 'no facts were asked for'
	shift 7
	[ "$#" -le 100 ] || deny refused 77 'too many facts were asked for'
	for name in "$@"; do
		case " $names " in *" $name "*) ;; *) deny refused 77 'there is no such fact' ;; esac
	done
	answer ok
	"facts_$product" "$@" </dev/null
	;;
*) deny refused 77 'this key may only read, by zup plan and zup status' ;;
esac
