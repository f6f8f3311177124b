# One more gratuitous ARP for each VIP: a client that learned the old master's
# address while the role moved would be stuck until the next one.
#
# arping stays for a second after it has sent, and says how many it has sent when it is
# interrupted; one that a busy node has not let send by then is given its time.
announce() {
	case $(timeout -s INT 0.2 arping -A -c 1 -I "$1" "$2" 2>/dev/null) in
	*'Sent 1 '*) ;;
	*) timeout 5 arping -A -q -c 1 -I "$1" "$2" ;;
	esac
}
for file in $(find "$root/config" -maxdepth 1 -name 'if_*:*_conf' -type f | sort); do
	name=${file##*/if_} name=${name%_conf}
	vip=$(sed -n 's/^addr=[[:space:]]*\([0-9.]*\)[[:space:]]*$/\1/p; s/^[^;=]*;\([0-9.]*\);.*/\1/p' "$file" | head -n 1)
	[ -n "$vip" ] || continue
	grep -q '^status=[[:space:]]*down' "$file" && continue
	echo "arping -A -c 1 -I ${name%%:*} $vip"
	announce "${name%%:*}" "$vip" &
done
wait
