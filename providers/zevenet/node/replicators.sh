# replicators prints the PIDs of what replicates this node's configuration: the product's
# replicator under each name that it has had, and what it has left behind, an rsync that
# still pushes to $peer. It fails where nobody can look.
replicators() {
	[ -r /proc/self/cmdline ] || return 1
	for candidate in $(command_lines); do
		if is_ours "$candidate" && [ "$(replicates "$candidate")" = yes ]; then echo "$candidate"; fi
	done
}

# unrecognised prints what may be the replicator and is none that is known, as "PID, how it
# is known, name of the program": a process that names the replicator's file, and one that a
# PID file names, whoever's it is. Nobody knows whether they replicate.
unrecognised() {
	[ -r /proc/self/cmdline ] || return 1
	for candidate in $(command_lines); do
		if is_ours "$candidate" && [ "$(replicates "$candidate")" = perhaps ]; then named "$candidate" command-line; fi
	done
	for pidfile in $pidfiles; do
		candidate=''
		{ read -r candidate <"$pidfile"; } 2>/dev/null || true # without a line feed it is read all the same
		candidate=${candidate#"${candidate%%[0-9]*}"} candidate=${candidate%%[!0-9]*}
		lives "$candidate" || continue
		if is_ours "$candidate" && [ "$(replicates "$candidate")" = yes ]; then continue; fi # it has just started
		named "$candidate" "$pidfile"
	done
}

# named PID HOW: a line of unrecognised. What else is in a command line may be a secret.
named() {
	{ read -r program <"/proc/$1/comm"; } 2>/dev/null || return 0
	printf '%s %s %s\n' "$1" "$2" "$program"
}

# lives PID: a process that has ended and that nobody has buried replicates nothing.
lives() {
	[ -n "$1" ] || return 1
	while read -r key value; do
		case $key in State:) case $value in Z* | X*) return 1 ;; *) return 0 ;; esac ;; esac
	done 2>/dev/null <"/proc/$1/status"
	return 1
}

# command_lines prints the PIDs of the processes that are worth a look.
command_lines() {
	set -f
	# shellcheck disable=SC2086 # a word for each name
	set -- $replicators ${peer:+"$peer:" "$peer]:"}
	for word in "$@"; do shift && set -- "$@" -e "$word"; done
	set +f
	grep -lF "$@" /proc/[0-9]*/cmdline 2>/dev/null | sed 's#^/proc/##; s#/cmdline$##'
	set -f
}

# replicates PID prints yes, perhaps, or nothing.
replicates() {
	words=$(tr '\0\n' '\n?' 2>/dev/null <"/proc/$1/cmdline")
	set -f
	IFS='
'
	# shellcheck disable=SC2086 # a word for each argument
	set -- $words
	unset IFS
	# A program that has given itself a title has no arguments any more.
	# shellcheck disable=SC2086 # a word for each one of the title
	if [ $# -eq 1 ]; then set -- $1; fi
	[ $# -gt 0 ] || return 0 # it has ended meanwhile
	if [ "${1##*/}" = rsync ]; then
		for word in "$@"; do
			case $word in "${peer:-?}:"* | *"@${peer:-?}:"* | "[${peer:-?}]:"* | *"@[${peer:-?}]:"*) echo yes && return ;; esac
		done
	fi
	if is_started "$@"; then echo yes; elif is_mentioned "$@"; then echo perhaps; fi
}

# is_started WORD...: the bridge with the replicator's verb, whatever is in front of it: an
# interpreter with its options, or a program that starts others; or the replicator's own
# name, as the program or as an interpreter's.
is_started() {
	if is_verb "${1%:}" "${2:-}"; then return 0; fi
	interpreter=${1##*/}
	while [ $# -gt 1 ]; do
		if [ "${1##*/}" = "${bridge##*/}" ] && is_verb "${2%:}" "${3:-}"; then return 0; fi
		shift
		[ -n "$interpreter" ] || continue
		case $interpreter in
		perl*) case $1 in
			-I) [ $# -le 1 ] || shift ;;
			-[ICDFMdimx]* | --) ;;
			-*[eE]*) interpreter='' ;; # what follows are arguments of the code
			-*) ;;
			*) interpreter='' && is_verb "$1" "${2:-}" && return 0 ;;
			esac ;;
		busybox) interpreter=${1##*/} ;;
		sh | bash | dash | ash | ksh | zsh) case $1 in
			-o | +o | -O) [ $# -le 1 ] || shift ;;
			-*c*) interpreter='' ;;
			-* | +*) ;;
			*) interpreter='' && is_verb "$1" "${2:-}" && return 0 ;;
			esac ;;
		ld-* | ld.so) case $1 in
			--library-path | --argv0 | --preload | --audit | --inhibit-rpath) [ $# -le 1 ] || shift ;;
			-*) ;;
			*) interpreter=${1##*/} && is_verb "$1" "${2:-}" && return 0 ;;
			esac ;;
		esac
	done
	return 1
}

# is_verb NAME NEXT: one of the replicator's names, not followed by what ends it.
is_verb() {
	[ "$2" != stop ] || return 1
	for verb in $replicators; do
		case ${1##*/} in "$verb" | "$verb.pl") return 0 ;; esac
	done
	return 1
}

# is_mentioned WORD...: the replicator's file in a place where nobody knows what for.
is_mentioned() {
	while [ $# -gt 1 ]; do
		shift
		case $1 in */bin/*) if is_verb "$1" "${2:-}"; then return 0; fi ;; esac
	done
	return 1
}
