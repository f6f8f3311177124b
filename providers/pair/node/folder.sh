# own_folder makes zup's folder on this node, for root alone. One that is a link or
# somebody else's is not used.
own_folder() {
	for own in "$zup" "$zup/open" "$zup/kept"; do
		[ -e "$own" ] || [ -L "$own" ] || mkdir -m 700 "$own" || exit 1
		case $(stat -c '%u %A' "$own") in
		"$(id -u) drwx------") ;;
		"$(id -u) d"*) chmod 700 "$own" || exit 1 ;;
		*)
			echo "$own is not a folder of root's: remove it, and nothing of zup's is lost"
			exit 1
			;;
		esac
	done
}
