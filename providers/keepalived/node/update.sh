# Installs the wanted versions, and only what they need: nothing is removed, and files that
# somebody has edited stay as they are. A service is restarted only where it still runs
# what has been replaced: the packages' own scripts restart, or reload, what they want to.
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 UCF_FORCE_CONFFOLD=1
# What an update that did not end has unpacked is finished first.
[ -z "$(dpkg --audit)" ] || dpkg --force-confold --configure -a || exit
# shellcheck disable=SC2086 # $wants are words
apt-get -q -y -o DPkg::Lock::Timeout=60 -o Dpkg::Options::=--force-confold --no-remove $downgrades install $wants || exit
for tries in 1 2 3 4 5 6; do
	stale=$(stale_units)
	[ -n "$stale" ] || exit 0
	[ "$tries" = 6 ] || sleep 0.5 # one that was told to reload may just be doing so
done
for unit in $stale; do
	echo "zup: $unit still runs what has been replaced: systemctl restart $unit"
	systemctl restart "$unit.service" || exit
done
