# lying prints what the updater takes for images, by the names that it sorts: each entry of
# the updates directory that "ls" shows, or each file below it with its whole path.
lying() {
	case $lists in
	names) ls "$root/updates" 2>/dev/null ;;
	paths) find "$root/updates" -type f 2>/dev/null ;;
	esac
}
