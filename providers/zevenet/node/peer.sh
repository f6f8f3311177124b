# ask_peer asks $peer for its name, as the product asks it for its role, and prints what came
# back:
#
#	ok NAME                 the name, and nothing else on standard output
#	prints NAME FILE TEXT   its login shell prints this on standard output, too, from this
#	                        file ("-": nobody knows): whoever asks there takes it for an answer
#	ends NAME STATUS        its login shell ends with another status than the command
#	refused, timeout TEXT, failed TEXT  it did not get in, or no command was run
#
# The name comes behind a mark, so that it is told from what a login shell says before,
# meanwhile and after; what that says on standard error disturbs nobody.
ask_peer() {
	mark=zup-$$-$(date +%N)
	# Both streams become one short line each, which nothing can tear apart.
	said=$({ { {
		on_peer "sh -c 'printf \"\\n%s %s\\n\" \"\$0\" \"\$(uname -n)\"' $mark" 3>&-
		printf '\nend-%s %s\n' "$mark" "$?"
	} | first_of_stdout "$mark"; } 2>&1 1>&3 | first_of_stderr; } 3>&1)
	name='' others=0 status='' text='' complaint=''
	while read -r key value; do
		case $key in
		name) name=$value ;; others) others=$value ;; status) status=$value ;; text) text=$value ;; complaint) complaint=$value ;;
		esac
	done <<END
$said
END
	if [ -n "$name" ]; then
		if [ "$others" != 0 ]; then
			printf 'prints %s %s %s' "$name" "$(who_prints)" "${text:-(an empty line)}"
		elif [ "$status" != 0 ]; then
			printf 'ends %s %s' "$name" "$status"
		else
			printf 'ok %s' "$name"
		fi
		return
	fi
	if [ "$status" = 255 ]; then # ssh itself
		case $complaint in
		*kex_exchange_identification*reset* | *"Connection reset"*) printf refused ;;
		*"timed out"* | '') printf 'timeout %s' "$complaint" ;;
		*) printf 'failed %s' "$complaint" ;;
		esac
	elif [ "$status" = 124 ]; then
		printf 'timeout %s' "$complaint"
	else
		printf 'failed its login shell ran no command (exit status %s): %s %s' "$status" "$text" "$complaint"
	fi
}

on_peer() {
	timeout 15 ssh -n -o BatchMode=yes -o ConnectTimeout=10 -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "root@$peer" "$1"
}

# first_of_stdout MARK: what came behind the mark, the exit status, how many lines there were
# besides, and the first one of them.
first_of_stdout() {
	awk -v mark="$1" '
		index($0, "end-" mark " ") == 1 { status = substr($0, length(mark) + 6); next }
		!name && index($0, mark " ") == 1 { name = substr($0, length(mark) + 2); next }
		$0 == "" { empty++; next }
		{ others++ }
		text == "" { gsub(/[^ -~]/, "?"); gsub(/^ +/, ""); text = substr($0, 1, 120) }
		END {
			# The command prints one empty line, and we one more before the end.
			if (name != "" && empty != 2) others++
			printf "name %s\nothers %d\nstatus %s\ntext %s\n", name, others, status, text
		}'
}

# first_of_stderr: what was said there, on one line.
first_of_stderr() {
	awk '{ sub(/\r$/, ""); gsub(/[^ -~]/, "?"); if (length(all) < 300) all = all (all == "" ? "" : " ") $0 } END { print "complaint " substr(all, 1, 300) }'
}

# who_prints names the file that the peer's login shell reads for a command and that prints
# something on standard output: each is read once more there, by itself, as for every
# command.
# shellcheck disable=SC2016 # it is for the peer
who_prints() {
	on_peer "sh -c '
		prints() { [ -n \"\$(timeout 3 \"\$@\" </dev/null 2>/dev/null | head -c 1 | tr \"\\\\0\\\\n\" xx)\" ] && printf \"\\n%s %s\\n\" \"\$mark\" \"\$file\"; }
		mark=\$0
		export SHLVL=5 # or bash reads all of them by itself, as it does for sshd
		for file in /etc/bash.bashrc ~/.bashrc \"\${BASH_ENV:-/nowhere}\" /etc/zsh/zshenv ~/.zshenv; do
			[ -r \"\$file\" ] || continue
			case \$file in *zshenv) shell=zsh ;; *) shell=bash ;; esac
			prints \"\$shell\" -c \". \\\"\\\$0\\\"; :\" \"\$file\" && exit
		done
		for file in ~/.ssh/rc /etc/ssh/sshrc; do
			[ -r \"\$file\" ] && prints sh \"\$file\" && exit
		done
		[ -z \"\${SSH_ORIGINAL_COMMAND:-}\" ] || printf \"\\n%s a-forced-command\\n\" \"\$mark\"
	' $mark" 2>/dev/null | awk -v mark="$mark" 'index($0, mark " ") == 1 && NF == 2 && !found { gsub(/[^ -~]/, "?"); print $2; found = 1 } END { if (!found) print "-" }'
}
