# Shared by the scripts of the emulated product; they source it.
#
# EMULATED after the publicly readable source of EE 6.1.20, written from
# scratch, never run on a real appliance. /lab holds what only the lab has:
# the length of a phase, and hooks where a fault strikes.
# shellcheck shell=dash disable=SC2034

PATH=/usr/sbin:/usr/bin:/sbin:/bin

ZEVENET=/usr/local/zevenet
CONFIG=$ZEVENET/config
CLUSTER_CONF=$CONFIG/cluster.conf
NODE_STATUS=$ZEVENET/node_status
MAINTENANCE_FLAG=$CONFIG/local/maintenance_flag
MAINTENANCE_LINK=cl_maintenance
LICENCE=$ZEVENET/www/zlbcertfile.pem
KEEPALIVED_CONF=/etc/keepalived/keepalived.conf
SSH='ssh -o ConnectTimeout=2 -o StrictHostKeyChecking=no -o BatchMode=yes'

# shellcheck source=/dev/null
[ ! -r /lab/settings ] || . /lab/settings
PHASE=${PHASE:-0.2}
FIRST_PRIORITY=$(cat /lab/first-priority 2>/dev/null)

# hook NAME: the place where a fault of the lab strikes, if there is one.
hook() {
	# shellcheck source=/dev/null
	[ ! -r "/lab/hook/$1" ] || . "/lab/hook/$1"
}

# log WORDS: as the product logs, facility local0.
log() {
	logger -p local0.info -t "${0##*/}[$$]" "(INFO) cluster :: $*"
}

# ini FILE SECTION KEY: a value of an ini file; SECTION may be empty.
ini() {
	[ -r "$1" ] || return 0
	awk -F= -v section="[$2]" -v key="$3" '
		BEGIN { here = section == "[]" }
		/^\[/ { here = $0 == section; next }
		here && $1 == key { print $2; exit }' "$1"
}

role() { [ ! -r "$NODE_STATUS" ] || head -n 1 "$NODE_STATUS"; }
set_role() {
	printf '%s\n' "$1" >"$NODE_STATUS"
	log "the node is now '$1'"
}

# A node is clustered when cluster.conf names it and somebody else.
clustered() { [ -n "$(node_ip "$(hostname)")" ] && [ -n "$(peer_name)" ]; }
cluster_get() { ini "$CLUSTER_CONF" '' "$1"; }
node_ip() { ini "$CLUSTER_CONF" "$1" ip; }
peer_name() {
	[ -r "$CLUSTER_CONF" ] || return 0
	sed -n 's/^\[\(.*\)\]$/\1/p' "$CLUSTER_CONF" | grep -vxF "$(hostname)" | head -n 1
}
peer_ip() { node_ip "$(peer_name)"; }
# on_peer COMMAND: as root over ssh; where the peer refuses us that takes 2 s.
on_peer() { $SSH -n "root@$(peer_ip)" "$1"; }
is_primary() { [ "$(cluster_get primary)" = "$(hostname)" ]; }

# addresses PATTERN: "name address mask" of each interface file that is up.
addresses() {
	# shellcheck disable=SC2086 # the pattern is to be expanded
	set -- "$CONFIG"/$1
	[ -e "$1" ] || return 0
	awk -F= '
		function show() {
			if (value["status"] == "up") print value["name"], value["addr"], value["mask"]
			split("", value)
		}
		FNR == 1 { show() }
		{ value[$1] = $2 }
		END { show() }' "$@"
}
nics() { addresses 'if_eth?_conf'; }
vips() { addresses 'if_*:*_conf'; }

# bracketed ADDRESS: where a port or a path follows it.
bracketed() { case $1 in *:*) echo "[$1]" ;; *) echo "$1" ;; esac; }

# The backup has the VIPs too. That it does not answer for them, nor ask in
# their name, is all that makes it a backup.
arp_block() {
	{
		echo 'table arp cluster { chain cl-in { type filter hook input priority 0; }; chain cl-out { type filter hook output priority 0; }; }'
		echo 'flush table arp cluster'
		! vips | grep -q : || nd_table
		vips | while read -r name address _; do
			case $address in
			*:*) nd_block "${name%%:*}" "$address" ;;
			*)
				echo "add rule arp cluster cl-in arp daddr ip $address drop"
				echo "add rule arp cluster cl-out arp saddr ip $address drop"
				;;
			esac
		done
	} | nft -f -
}
# Of IPv6 the product drops what comes for the VIP. Whoever asks who has it sends that to
# all nodes whose address ends alike: that this is dropped as well is a guess, but both
# nodes would answer otherwise.
nd_table() {
	echo 'table netdev cluster'
	echo 'delete table netdev cluster'
	echo 'table netdev cluster { chain cl-eth0 { type filter hook ingress device "eth0" priority 0; }; }'
}
nd_block() {
	echo "add rule netdev cluster cl-$1 ip6 daddr $2 drop"
	echo "add rule netdev cluster cl-$1 icmpv6 type nd-neighbor-solicit @nh,384,128 0x$(whole "$2") drop"
}
# whole ADDRESS: its 32 digits.
whole() {
	perl -MSocket -e 'print unpack "H*", Socket::inet_pton(AF_INET6, $ARGV[0])' "$1"
}
arp_allow() {
	nft flush table arp cluster 2>/dev/null
	nft flush table netdev cluster 2>/dev/null || true
}
announce_vips() {
	vips | while read -r name address _; do
		case $address in
		*:*) "$ZEVENET/bin/enterprise.bin" advertise "${name%%:*}" "$address" >/dev/null 2>&1 9>&- & ;;
		*) arping -A -c 2 -I "${name%%:*}" "$address" >/dev/null 2>&1 9>&- & ;;
		esac
	done
}

# The notify scripts of keepalived and the service take turns.
turn() {
	exec 9>/run/lock/zcluster
	flock 9
}
end_turn() { exec 9>&-; }

start_replication() {
	setsid chrt -o 0 "$ZEVENET/bin/enterprise.bin" zeninotify </dev/null >/dev/null 2>&1 9>&- &
}
stop_replication() { "$ZEVENET/bin/enterprise.bin" zeninotify stop; }

priority() {
	if [ -n "$FIRST_PRIORITY" ]; then
		echo "$FIRST_PRIORITY"
	elif is_primary; then
		echo 120
	else
		echo 50
	fi
}

# write_keepalived_conf PRIORITY: the file is generated, edits are lost.
write_keepalived_conf() {
	cat >"$KEEPALIVED_CONF" <<-END
		vrrp_instance ZCluster {
		    interface $(cluster_get interface)
		    virtual_router_id 1
		    priority $1
		    advert_int $(cluster_get deadratio)
		    garp_master_delay 1
		    track_interface {
		        $MAINTENANCE_LINK$(cat /lab/weight 2>/dev/null)
		    }
		    $(needed_address)
		    unicast_src_ip $(node_ip "$(hostname)")
		    unicast_peer {
		        $(peer_ip)
		    }
		    notify_master "$ZEVENET/bin/zcluster-manager notify_master"
		    notify_backup "$ZEVENET/bin/zcluster-manager notify_backup"
		    notify_fault "$ZEVENET/bin/zcluster-manager notify_fault"
		    notify "$ZEVENET/bin/zcluster-manager"
		}
	END
}
# With IPv6 keepalived does not start without an address to take along, whose first one is
# the link's; what the product gives it nobody knows.
needed_address() {
	case $(peer_ip) in *:*) echo 'virtual_ipaddress { fe80::5a45:1 }' ;; esac
}
keepalived_runs() { pgrep -x keepalived >/dev/null; }
# With a processor at once, and its scripts, too: how busy the lab's machine is would
# look like a slow takeover otherwise.
start_keepalived() { keepalived_runs || chrt -r 1 /etc/init.d/keepalived start; }

# Not by the init script: that signals the child too, which passes it on to its
# parent, and a master that is told to reload twice at once starts anew as a
# backup. For the same reason there is no reload before the first election.
reload_keepalived() {
	[ -n "$FIRST_PRIORITY" ] || kill -HUP "$(cat /run/keepalived.pid /run/keepalived/keepalived.pid 2>/dev/null | head -n 1)"
}

# keepalived says goodbye to its peer and then takes a second to end; what is
# left of it is killed. The service must not go on before it has gone: a second
# one beside the first would make the role flap.
stop_keepalived() {
	/etc/init.d/keepalived stop
	sleep 0.1
	pkill -9 -x keepalived
	while keepalived_runs; do sleep 0.02; done
	rm -f /run/keepalived.pid /run/keepalived/*.pid
}

# cl_maintenance is a dummy interface in the product. Creating one can make the
# kernel load a module, which would outlive the lab: here it is a veth pair.
create_maintenance_link() {
	ip link show "$MAINTENANCE_LINK" >/dev/null 2>&1 ||
		ip link add "$MAINTENANCE_LINK" type veth peer name "${MAINTENANCE_LINK}p"
	ip link set "${MAINTENANCE_LINK}p" up
	if [ -e "$MAINTENANCE_FLAG" ]; then
		ip link set "$MAINTENANCE_LINK" down
	else
		ip link set "$MAINTENANCE_LINK" up
		# A veth takes a moment to have its carrier, up to a second on a busy machine,
		# and a keepalived that starts meanwhile is in a fault state.
		for _ in $(seq 100); do
			case $(ip -br link show "$MAINTENANCE_LINK") in *' UP '*) break ;; esac
			sleep 0.02
		done
	fi
}
delete_maintenance_link() { ip link del "$MAINTENANCE_LINK" 2>/dev/null || true; }
