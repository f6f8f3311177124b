# check_offer asks once more, right before anything is installed, what would be installed
# and from where: the planned version; from the offline image if there is one, and else
# not from an image that lies on the node. Before that the updater sets up apt, which it
# does at each call, and the lists are read where -i reads them anew.
check_offer() {
	"$updater" -n >/dev/null 2>&1 </dev/null
	[ "$renews" != yes ] || apt-get -q update >/dev/null 2>&1 </dev/null
	policy=$(apt-cache policy "$package" 2>/dev/null)
	candidate=$(printf '%s\n' "$policy" | sed -n 's/^ *Candidate: //p')
	if [ "$candidate" != "$version" ]; then
		echo "apt would install $package ${candidate:-(nothing)} now, and not $version: nothing was installed"
		exit 1
	fi
	for from in $(printf '%s\n' "$policy" | sources_of_candidate); do
		case ${image:+$at},$from in
		",file:/media/"*) wanted='the repository' ;;
		,* | "$at,file:$at") continue ;;
		*) wanted=$at ;;
		esac
		echo "apt would install $package $version from $from now, and not from $wanted: nothing was installed"
		exit 1
	done
}
