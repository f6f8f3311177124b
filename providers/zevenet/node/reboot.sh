# Reboots this node if a reboot is pending, which is asked here and now. The boot
# that ends is noted, so that the next one can be told from it. The order is given
# when this script has ended: how it ended is known then, whatever comes.
pending=$(pending_reboot)
case $pending in
none)
	rm -f "$zup/boot"
	echo 'no reboot is pending'
	exit
	;;
'')
	echo 'whether a reboot is pending could not be found out'
	exit 1
	;;
esac
command -v reboot >/dev/null || { echo 'this node has no command reboot'; exit 1; }
echo "rebooting: $pending"
own_folder
cat /proc/sys/kernel/random/boot_id >"$zup/boot" || exit 1
sync
setsid sh -c 'sleep 2; exec reboot' >/dev/null 2>&1 </dev/null &
