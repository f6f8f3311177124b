# sources_of_candidate reads what apt-cache policy says, and prints every place from which
# the candidate would come.
sources_of_candidate() {
	awk '
		/^ *Candidate:/ { want = $2 }
		/^ ( |\*\*\*) *[^ ]/ && !/^        / { v = $1 == "***" ? $2 : $1; next }
		/^        / && v == want && $2 ~ /:/ && !seen[$2]++ { print $2 }'
}
