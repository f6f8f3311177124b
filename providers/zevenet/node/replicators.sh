# PIDs of the replicator, whichever way it was started: through the compiled
# binary, through its own name, or as a script.
replicators() {
	set +f
	candidates=$(grep -lF "$replicator" /proc/[0-9]*/cmdline 2>/dev/null)
	set -f
	for file in $candidates; do
		# shellcheck disable=SC2046 # the words of the command line are wanted
		set -- $(tr '\0' ' ' 2>/dev/null <"$file")
		[ $# -gt 0 ] || continue # it has ended meanwhile
		case "${1##*/}" in
		"$replicator") verb=${2:-} ;;
		"${bridge##*/}") [ "${2:-}" = "$replicator" ] || continue; verb=${3:-} ;;
		perl* | sh | bash | dash) [ "${2##*/}" = "$replicator" ] || continue; verb=${3:-} ;;
		*) continue ;;
		esac
		[ "$verb" != stop ] || continue
		file=${file#/proc/} file=${file%/cmdline}
		if is_ours "$file"; then echo "$file"; fi
	done
}
