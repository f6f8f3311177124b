# One more gratuitous ARP for each VIP, or for an IPv6 one an unsolicited neighbour
# advertisement: a client that learned the old master's address while the role moved
# would be stuck until the next one.
#
# arping stays for a second after it has sent, and says how many it has sent when it is
# interrupted; one that a busy node has not let send by then is given its time.
announce() {
	case $(timeout -s INT 0.2 arping -A -c 1 -I "$1" "$2" 2>/dev/null) in
	*'Sent 1 '*) ;;
	*) timeout 5 arping -A -q -c 1 -I "$1" "$2" ;;
	esac
}
# advertise LINK ADDRESS: to all nodes of the link, from the address itself, that it
# overrides what they know; a node that routes says so, or it would be taken for a router
# that has gone.
advertise() {
	if ! read -r mac <"/sys/class/net/$1/address" || ! routes=$(cat "/proc/sys/net/ipv6/conf/$1/forwarding"); then
		echo "$2: nothing is known of the link $1"
		return
	fi
	# shellcheck disable=SC2016 # the variables are perl's
	timeout 5 perl -MSocket -e '
		my ($link, $address, $mac, $routes) = @ARGV;
		my $ip = Socket::inet_pton(AF_INET6, $address) or die "$address is not an address\n";
		open my $f, "<", "/sys/class/net/$link/ifindex" or die "$link: $!\n";
		my $index = <$f> + 0;
		socket my $s, AF_INET6, SOCK_RAW, 58 or die "socket: $!\n";
		setsockopt $s, 41, $_, pack "i", 255 or die "hop limit: $!\n" for 16, 18; # unicast, multicast: others are not believed
		setsockopt $s, 41, 17, pack "i", $index or die "link: $!\n";
		bind $s, Socket::pack_sockaddr_in6(0, $ip, $index) or die "$address: $!\n";
		my $na = pack "C C n N a16 C C H12", 136, 0, 0, ($routes ? 0xa0000000 : 0x20000000), $ip, 2, 1, $mac =~ tr/://dr;
		send $s, $na, 0, Socket::pack_sockaddr_in6(0, Socket::inet_pton(AF_INET6, "ff02::1"), $index) or die "send: $!\n";
	' "$1" "$2" "$mac" "$routes"
}
