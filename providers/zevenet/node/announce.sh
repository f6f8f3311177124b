for file in $(find "$root/config" -maxdepth 1 -name 'if_*:*_conf' -type f | sort); do
	name=${file##*/if_} name=${name%_conf}
	vip=$(sed -n 's/^addr[[:space:]]*=[[:space:]]*\([0-9A-Fa-f.:]*\)[[:space:]]*$/\1/p; s/^[^;=]*;\([0-9A-Fa-f.:]*\);.*/\1/p' "$file" | head -n 1)
	[ -n "$vip" ] || continue
	grep -q '^status[[:space:]]*=[[:space:]]*down' "$file" && continue
	case $vip in
	*:*)
		echo "neighbour advertisement on ${name%%:*} for $vip"
		advertise "${name%%:*}" "$vip" &
		;;
	*)
		echo "arping -A -c 1 -I ${name%%:*} $vip"
		announce "${name%%:*}" "$vip" &
		;;
	esac
done
wait
