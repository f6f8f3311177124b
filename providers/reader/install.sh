#!/bin/sh
# Made by zup @VERSION@. Run on a node as root it installs what a key needs that may only
# read (docs/reader.md of zup):
#
#   zup reader -key FILE.pub | ssh root@NODE sh
#
#   @PATH@               what runs for that key, and nothing else does
#   /etc/sudoers.d/@USER@    the account may run that as root, without arguments
#   @HOME@/.ssh/authorized_keys, and the account @USER@
#
# All of it belongs to root. There is no secret in it. It may be run again: what is there
# is replaced, the keys too. "zup reader -remove" prints what takes it away.
main() {
	set -eu
	PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
	export PATH LC_ALL
	umask 022
	stop() {
		echo "zup reader: $1; nothing was installed" >&2
		exit 1
	}
	[ "$(id -u)" -eq 0 ] || stop 'this has to run as root'
	for program in sudo visudo useradd perl timeout runuser; do
		command -v "$program" >/dev/null || stop "this node has no $program"
	done
	for folder in / /etc /etc/sudoers.d /usr /usr/local /usr/local/lib /var /var/lib; do
		[ -d "$folder" ] || [ "$folder" != /usr/local/lib ] || mkdir "$folder"
		is_roots "$folder" || stop "somebody besides root may write to $folder"
	done
	for folder in @LIB@ @HOME@ @HOME@/.ssh; do
		[ ! -e "$folder" ] && [ ! -L "$folder" ] || { [ -d "$folder" ] && [ ! -L "$folder" ] && is_roots "$folder"; } || stop "$folder is not a folder of root's"
	done
	if entry=$(getent passwd @USER@); then
		case $entry in
		@USER@:*:[1-9]*:*:*:@HOME@:/bin/sh) ;;
		*) stop "there is an account @USER@ already, and it is not zup's" ;;
		esac
	fi

	new=$(mktemp -d)
	trap 'rm -rf "$new"' EXIT
	cat >"$new/reader" <<'@END@'
@SCRIPT@@END@
	cat >"$new/sudoers" <<'@END@'
@SUDOERS@@END@
	cat >"$new/authorized_keys" <<'@END@'
@KEYS@@END@
	sh -n "$new/reader" || stop 'the script arrived damaged'
	chmod 440 "$new/sudoers"
	said=$(visudo -cf "$new/sudoers" 2>&1) || stop "sudo does not take its rule: $said"

	[ -n "$entry" ] || useradd --system --user-group --home-dir @HOME@ --no-create-home --shell /bin/sh --password '*' --comment 'reads for zup' @USER@ || stop 'the account could not be made'
	mkdir -p @LIB@ @HOME@/.ssh
	chmod 755 @LIB@ @HOME@ @HOME@/.ssh
	put "$new/reader" @PATH@ 755
	put "$new/authorized_keys" @HOME@/.ssh/authorized_keys 644
	put "$new/sudoers" /etc/sudoers.d/@USER@ 440
	if ! said=$(visudo -c 2>&1); then
		rm -f /etc/sudoers.d/@USER@
		echo "zup reader: with its rule sudo's configuration is not whole, and it was taken out again: $said" >&2
		exit 1
	fi
	# It is asked as zup would.
	answer=$(echo 'zup-0123456789abcdef 0 read @PROTOCOL@ lock' | runuser -u @USER@ -- env SSH_ORIGINAL_COMMAND="' zup" @PATH@ 2>"$new/said") || true
	case $answer in
	'zup-0123456789abcdef zup-reader @PROTOCOL@ @EDITION@ @VERSION@ ok'*) ;;
	*)
		echo "zup reader: it is installed, and does not answer: $answer" >&2
		cat "$new/said" >&2
		exit 1
		;;
	esac
	tell_of_sshd
	echo "zup-reader edition @EDITION@ of zup @VERSION@ is installed; it reads as @USER@ with @COUNT@."
}

# is_roots FOLDER: nobody but root may put anything there. A group without members, such
# as Debian's staff, is nobody.
is_roots() {
	case $(stat -Lc '%u %A' "$1") in
	'0 d'????-??-?) return 0 ;;
	'0 d'????w??-?) ;;
	*) return 1 ;;
	esac
	group=$(stat -Lc %g "$1")
	[ "$group" -ne 0 ] || return 0
	[ -z "$(getent group "$group" | cut -d : -f 4)" ] && ! getent passwd | cut -d : -f 4 | grep -qx "$group"
}

# put FROM TO MODE puts a file of root's in its place, whole.
put() {
	cp "$1" "$2.zup-new"
	chown root:root "$2.zup-new"
	chmod "$3" "$2.zup-new"
	mv -fT "$2.zup-new" "$2"
}

# tell_of_sshd says what in sshd's configuration keeps the key out.
tell_of_sshd() {
	config=$(sshd -T -C user=@USER@,host=localhost,addr=192.0.2.1 2>/dev/null) || return 0
	files=$(printf '%s\n' "$config" | sed -n 's/^authorizedkeysfile //p')
	case " $files " in
	'  ' | *' .ssh/authorized_keys '* | *' %h/.ssh/authorized_keys '* | *' @HOME@/.ssh/authorized_keys '*) ;;
	*) echo "zup reader: sshd looks for keys in $files: put the line of @HOME@/.ssh/authorized_keys there" >&2 ;;
	esac
	if printf '%s\n' "$config" | grep -q '^allow\(users\|groups\) ' && ! printf '%s\n' "$config" | grep -q '^allow\(users\|groups\) .*@USER@'; then
		echo 'zup reader: sshd lets only some accounts in (AllowUsers, AllowGroups): add @USER@' >&2
	fi
}

main </dev/null
