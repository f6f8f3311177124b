# is_ours PID: whether a process belongs to who runs this script, to root, with each of
# its four user IDs, and to this system. Anybody can give a process any name, a program
# with the set-user-ID bit has only its effective user changed, and the processes of a
# container are not those of the node: they have a number there, too.
is_ours() {
	uids='' mine='-' inside='' here=''
	while read -r key value; do
		case $key in
		Uid:) mine=$value ;;
		NSpid:) case $value in *[!0-9]*) here=no ;; esac && break ;;
		esac
	done </proc/self/status
	while read -r key value; do
		case $key in
		Uid:) uids=$value ;;
		NSpid:) case $value in *[!0-9]*) inside=no ;; esac && break ;;
		esac
	done 2>/dev/null <"/proc/$1/status"
	[ "$uids" = "$mine" ] && [ "$inside" = "$here" ]
}
