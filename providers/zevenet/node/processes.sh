# is_ours PID: whether a process belongs to who runs this script, to root, with each of
# its four user IDs. Anybody can give a process any name, and a program with the
# set-user-ID bit has only its effective user changed.
is_ours() {
	uids='' mine='-'
	while read -r key value; do
		case $key in Uid:) mine=$value && break ;; esac
	done </proc/self/status
	while read -r key value; do
		case $key in Uid:) uids=$value && break ;; esac
	done 2>/dev/null <"/proc/$1/status"
	[ "$uids" = "$mine" ]
}
