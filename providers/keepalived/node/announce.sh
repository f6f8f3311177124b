# A node without arping sends the same with perl.
if ! command -v arping >/dev/null; then
	# shellcheck disable=SC2016 # the variables are perl's
	announce() {
		read -r mac <"/sys/class/net/$1/address" || return
		timeout 5 perl -MSocket -e '
			my ($link, $address, $mac) = @ARGV;
			open my $f, "<", "/sys/class/net/$link/ifindex" or die "$link: $!\n";
			my $index = <$f> + 0;
			my ($ip, $own, $all) = (inet_aton($address), pack("H12", $mac =~ tr/://dr), "\xff" x 6);
			socket my $s, 17, SOCK_RAW, unpack "S", pack "n", 0x0806 or die "socket: $!\n";
			my $frame = $all . $own . pack("n n n C C n", 0x0806, 1, 0x0800, 6, 4, 2) . $own . $ip . $all . $ip;
			send $s, $frame, 0, pack "S n i S C C a8", 17, 0x0806, $index, 1, 0, 6, $all or die "send: $!\n";
		' "$1" "$2" "$mac"
	}
fi
for vip in $vips; do
	link=$(ip -o addr show 2>/dev/null | awk -v vip="$vip" '{ a = $4; sub(/\/.*/, "", a) } a == vip { print $2; exit }')
	if [ -z "$link" ]; then
		echo "$vip is not on this node"
		continue
	fi
	case $vip in
	*:*) echo "neighbour advertisement on $link for $vip" && advertise "${link%%@*}" "$vip" & ;;
	*) echo "arping -A -c 1 -I $link $vip" && announce "${link%%@*}" "$vip" & ;;
	esac
done
wait
