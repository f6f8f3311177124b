# deny_line ADDRESS: the line of hosts.deny that keeps an address out of sshd. libwrap
# takes an IPv6 address in brackets only.
deny_line() {
	case $1 in
	*:*) printf 'sshd: [%s]' "$1" ;;
	*) printf 'sshd: %s' "$1" ;;
	esac
}
