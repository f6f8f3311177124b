# Reads facts of this node and changes nothing. The arguments are the names of
# the facts; each is printed as one line name=value, then the line "end" says
# that nothing was cut off. A value that can't be found out is "unknown".
set -f

# A node is asked often while something is waited for, so what the shell itself can
# do starts no program here: starting one is what reading a fact costs.
conf=$root/config/cluster.conf
# asked NAME...: whether one of these facts is.
wanted=" $* "
asked() {
	for one in "$@"; do
		case $wanted in *" $one "*) return 0 ;; esac
	done
	return 1
}
me=''
if asked hostname own_address deny peer_ssh replication; then read -r me </proc/sys/kernel/hostname; fi

# cluster.conf: a line "section|" for each section, "section|key|value" for each
# value. The section before the first is "". Read once, and only for whom needs it.
cluster=''
if asked clustered nodes deadratio primary interface own_address deny peer_ssh replication && [ -r "$conf" ]; then
	cluster=$(awk '
		{ sub(/\r$/, "") }
		/^[ \t]*\[.*\]/ { s = $0; sub(/^[ \t]*\[/, "", s); sub(/\].*/, "", s); gsub(/\|/, "?", s); print s "|"; next }
		i = index($0, "=") { k = substr($0, 1, i - 1); gsub(/[ \t|]/, "", k)
			v = substr($0, i + 1); gsub(/^[ \t]+|[ \t]+$/, "", v); if (k != "") print s "|" k "|" v }' "$conf")
fi

# ini SECTION KEY: a value of cluster.conf.
ini() {
	while IFS='|' read -r section key value; do
		if [ "$section" = "$1" ] && [ "$key" = "$2" ]; then printf '%s\n' "$value"; return; fi
	done <<END
$cluster
END
}
sections() {
	while IFS='|' read -r section key value; do
		[ -z "$section" ] || [ -n "$key" ] || printf '%s\n' "$section"
	done <<END
$cluster
END
}
peer=''
if asked deny peer_ssh replication; then
	peer=$(sections | while read -r s; do
		[ "$s" = "$me" ] || { ini "$s" ip; break; }
	done)
fi

# Virtual interfaces have a colon in their name: if_eth0:1_conf, an ini file
# (or one line with semicolons before 6.1). Those that are up are VIPs.
vip_list() { [ -z "$vips" ] || printf '%s\n' "$vips"; }
read_vips() {
	find "$root/config" -maxdepth 1 -name 'if_*:*_conf' -type f -print0 2>/dev/null | sort -z | xargs -0 -r awk '
		function flush() { if (addr != "" && up) print addr; addr = ""; up = 1 }
		FNR == 1 { flush() }
		{ sub(/\r$/, "") }
		/^addr[ \t]*=/ { sub(/^addr[ \t]*=[ \t]*/, ""); sub(/[ \t]+$/, ""); addr = $0; next }
		/^status[ \t]*=/ { up = ($0 ~ /=[ \t]*up/); next }
		/;/ { split($0, f, ";"); if (addr == "") addr = f[2] }
		END { flush() }' | while read -r vip; do spelled "$vip"; done
}
# spelled ADDRESS: as the kernel writes it, and so everybody who asks it.
spelled() {
	written=''
	case $1 in *:*) written=$(getent ahostsv6 "$1" 2>/dev/null) || written='' ;; esac
	written=${written%%[[:space:]]*}
	printf '%s\n' "${written:-$1}"
}
vips=''
if asked vips arp nd farms; then vips=$(read_vips); fi

fact_hostname() { printf '%s' "$me"; }
fact_uid() { id -u; }
fact_boot() { read -r boot </proc/sys/kernel/random/boot_id && printf '%s' "$boot"; }
fact_time() { date +%s; }
fact_product() { what_is_here; }
fact_version() {
	sed -n '/^[[:space:]]*\$version[[:space:]]*=[[:space:]]*"\([^"]*\)".*/{s//\1/p;q;}' "$root/config/global.conf" 2>/dev/null
}
# shellcheck disable=SC2016 # dpkg-query's own variables
# A package on hold is as whole as any; fact_holds tells it apart.
fact_package() {
	out=$(dpkg-query -W -f='${db:Status-Abbrev} ${Version}' "$package" 2>/dev/null) || { printf none; return; }
	case $out in 'hi '*) printf 'ii%s' "${out#??}" ;; *) printf '%s' "$out" ;; esac
}
fact_audit() {
	out=$(dpkg --audit 2>&1) || { printf 'error %s' "$out"; return; }
	if [ -z "$out" ]; then printf clean; else printf '%s' "$out" | grep '^ ' | cut -c 1-400; fi
}
# shellcheck disable=SC2016 # dpkg-query's own variables; apt-mark would write a cache of apt's
fact_holds() {
	out=$(dpkg-query -W -f='${db:Status-Want} ${Package}\n' 2>/dev/null) || return
	printf '%s\n' "$out" | sed -n 's/^hold //p' | grep . || printf none
}
fact_lock() { apt_lock; }
# What apt says is worked out in memory: no lock is taken and no cache of its own is
# written. fact_candidate and fact_source read $policy, the others $simulated.
in_memory='-o Debug::NoLocking=1 -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache='
# would_install: "name version" of each package that the simulation installs. Behind the
# installed version in brackets, if there is one, a parenthesis begins with the new
# version; the label of the repository that follows may have parentheses of its own.
would_install() {
	printf '%s\n' "$simulated" | sed -n 's/^Inst \([^ ]*\) \(\[[^]]*\] \)\{0,1\}(\([^ )]*\).*/\1 \3/p'
}
fact_candidate() { printf '%s\n' "$policy" | sed -n 's/^ *Candidate: //p'; }
fact_offer() {
	[ "$failed" = 0 ] || { printf 'error %s' "$(printf '%s\n' "$simulated" | tail -n 3)"; return; }
	would_install | while read -r name version; do
		[ "$name" != "$package" ] || printf '%s' "$version"
	done | grep . || printf none
}
# What an update of this node would do to packages, as far as the lists here know:
# "^NAME=OLD>NEW", "+NAME=NEW", "-NAME=OLD", and "?NAME" for what the updater asks for and the
# repository lacks. "same" is that they know no other version of the product.
fact_packages() {
	case $changed in 0) ;; same) printf same; return ;; *) printf 'error %s' "$(printf '%s\n' "$changes" | tail -n 3)"; return ;; esac
	{ would_change; for name in $lacks; do printf '?%s\n' "$name"; done; } | grep . || printf none
}
would_change() {
	printf '%s\n' "$changes" | sed -n -e 's/^Inst \([^ ]*\) \[\([^]]*\)\] (\([^ )]*\).*/^\1=\2>\3/p' -e 's/^Inst \([^ ]*\) (\([^ )]*\).*/+\1=\2/p' \
		-e 's/^Remv \([^ ]*\) \[\([^]]*\)\].*/-\1=\2/p' -e 's/^Purg \([^ ]*\) \[\([^]]*\)\].*/-\1=\2/p' | awk '!seen[$0]++'
}
removed() { would_change | sed -n 's/^-\([^=]*\)=.*/\1/p' | sort -u; }
fact_removals() { [ "$changed" = 0 ] || { [ "$changed" != same ] || printf none; return; }; removed | grep . || printf none; }
# Those without which a node can't serve, or nobody gets in.
fact_loses() {
	[ "$changed" = 0 ] || { [ "$changed" != same ] || printf none; return; }
	removed | grep -xF -e "$package" -e keepalived -e openssh-server | grep . || printf none
}
fact_steps() { updater_steps; }
fact_kernel() { read -r release </proc/sys/kernel/osrelease && printf '%s' "$release"; }
# What apt would fetch and install, in KiB, against what is free where it goes.
# shellcheck disable=SC2086 # $in_memory is options, $names has one word for each package
fact_room() {
	names=''
	[ "$failed" != 0 ] || names=$(would_install | tr ' ' '=')
	need=$([ -z "$names" ] || apt-cache $in_memory show --no-all-versions $names 2>/dev/null |
		awk '/^Installed-Size:/ { i += $2 } /^Size:/ { s += $2 / 1024 } END { printf "%d", i + s }')
	free=$(df -Pk "$root" /var/cache/apt/archives 2>/dev/null | awk 'NR > 1 && (m == "" || $4 < m) { m = $4 } END { print m }')
	if [ -n "$free" ] && [ "${need:-0}" -le "$free" ]; then printf enough; else printf 'need %s KiB, free %s KiB' "${need:-0}" "$free"; fi
}
# Whether the updater installs by itself, read in its text. It is never asked: whatever it
# is asked, also for its help, it first sets up apt anew. A script tells its options apart
# by arms of a case, by comparing a variable, or with getopts; of one that does so in
# another way, or that is no script, nobody knows.
fact_updater() {
	[ -x "$updater" ] || { printf missing; return; }
	updater_text | awk '
		function option(word) {
			gsub(/[ \t]/, "", word)
			if (word == "-i") installs = 1
			if (word == "-n" || word == "-l") known = 1
		}
		{ gsub(/["'\'']/, "") }
		/^[ \t]*\(?[^()]*\)/ { # an arm: what is before the parenthesis are words apart by bars
			arm = $0; sub(/^[ \t]*\(?/, "", arm); sub(/\).*/, "", arm)
			n = split(arm, words, "|"); for (k = 1; k <= n; k++) option(words[k])
		}
		{ # $1 = -i, ${1} == -i, $ARGV[0] eq -i, x$1 = x-i, -i = $1
			rest = $0
			while (match(rest, /\$\{?[A-Za-z0-9_]+(\[[0-9]+\])?(:-)?\}?[ \t]*(==?|eq)[ \t]*[xX]?-[A-Za-z]+|[ \t]-[A-Za-z]+[ \t]*(==?|eq)[ \t]*\$/)) {
				word = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
				sub(/(==?|eq)[ \t]*\$$/, "", word); sub(/.*(=|eq)[ \t]*[xX]?/, "", word); option(word)
			}
		}
		/getopts[ \t]+:?[A-Za-z:]*i/ { installs = 1 }
		/getopts[ \t]+:?[A-Za-z:]*[nl]/ { known = 1 }
		END { if (installs) print "install"; else if (known) print "bare" }'
}
# The updater's text without its comments, an arm of a case a line; nothing of what is not
# a script.
updater_text() {
	case $(head -c 2 "$updater" 2>/dev/null | tr -d '\0') in '#!') ;; *) return ;; esac
	sed '/^[[:space:]]*#/d; s/[[:space:]]#.*//; s/;;/\n/g; s/case[[:space:]].*[[:space:]]in[[:space:]]/&\n/' "$updater"
}
# Everything that the updater would take for an image, one word each; what is in it does
# not matter to it.
fact_images() { lying | sed "s#^$root/updates/##" | tr -c '[:alnum:]._+/\n-' '?' | sort -V | grep . || printf none; }
# What the updater takes, the last one by version sort, with its digest.
fact_image() {
	newest=$(lying | sort -V | tail -n 1)
	newest=${newest#"$root/updates/"}
	[ -n "$newest" ] || { printf none; return; }
	if [ -f "$root/updates/$newest" ]; then
		printf '%s %s' "$newest" "$(sha256sum <"$root/updates/$newest" | cut -d ' ' -f 1)"
	else
		printf '%s' "$newest"
	fi
}
# Room in the updates directory in KiB, and what lies there, in bytes; and how much of an
# image has arrived beside it.
fact_updates() {
	dir=$root/updates
	[ -d "$dir" ] || dir=$root
	df -Pk "$dir" 2>/dev/null | awk 'NR == 2 { printf "free=%d ", $4 }' | grep . || return
	{
		[ "$dir" = "$root" ] || find "$dir" -maxdepth 1 -type f -name '*.iso' -printf '%f=%s\n'
		find "$root/updates.zup" -maxdepth 1 -type f -name '*.iso' -printf '%f.zup-part=%s\n' 2>/dev/null
	} | tr -c '[:alnum:]._+=\n-' '?'
}
# Where apt would get the product's package from.
fact_source() { printf '%s\n' "$policy" | sources_of_candidate | grep . || printf none; }
# The image that zup has brought here, or was about to.
fact_staged() {
	[ -e "$zup/open/image" ] || { printf no; return; }
	cat "$zup/open/image"
}
fact_clustered() { [ -e "$root/node_status" ] && [ "$(sections | grep -c .)" -gt 1 ] && printf yes || printf no; }
fact_nodes() {
	sections | sort | while read -r s; do printf '%s=%s ' "$s" "$(ini "$s" ip)"; done
}
fact_deadratio() { ini '' deadratio; }
fact_primary() { ini '' primary; }
fact_interface() { ini '' interface; }
fact_own_address() {
	ip=$(ini "$me" ip)
	if ip -o addr show 2>/dev/null | grep -qF " $(spelled "$ip")/"; then printf '%s' "$ip"; else printf 'absent %s' "$ip"; fi
}
fact_role() {
	[ -e "$root/node_status" ] || { printf none; return; }
	read -r role <"$root/node_status"
	printf '%s' "${role:-stopped}"
}
fact_vrrp() {
	if [ -z "$vrrp_data" ]; then
		found=$(keepalived_parents) && [ -z "$found" ] && printf down
		return
	fi
	vrrp 'State'
}
fact_priority() { vrrp 'Effective priority'; }
# vrrp KEY: the first value of it in keepalived's data.
vrrp() {
	while read -r line; do
		case $line in "$1 = "*) printf '%s\n' "${line#*= }" && return ;; esac
	done <<END
$vrrp_data
END
}
fact_priority_lines() { grep -cE '^[[:space:]]*priority[[:space:]]' /etc/keepalived/keepalived.conf 2>/dev/null; }
fact_keepalived() { found=$(keepalived_parents) && printf '%s' "$found" | grep -c .; }
# An operator's flag, or the tracked link that was taken down: older versions
# have no flag.
fact_maintenance() {
	if [ -e "$root/config/local/maintenance_flag" ]; then printf yes; return; fi
	case $(ip -o link show cl_maintenance 2>/dev/null) in
	'' | *'<'*[,\<]UP[,\>]*) printf no ;;
	*) printf yes ;;
	esac
}
fact_replication() {
	found=$(replicators) || return
	if [ -n "$found" ]; then printf running; return; fi
	found=$(unrecognised) || return
	if [ -n "$found" ]; then printf 'unrecognised %s' "$found"; else printf off; fi
}
fact_vips() { vip_list; }
# Whether the node answers ARP for its IPv4 VIPs: the backup drops it.
fact_arp() {
	if rules=$(nft list table arp cluster 2>&1); then :; else
		case $rules in *"No such file"*) rules='' ;; *) return ;; esac
	fi
	{ vip_list | grep -vF : | sed 's/^/vip /'; printf '%s\n' "$rules"; } | awk '
		$1 == "vip" { vip[$2] = 0; n++; next }
		$1 == "arp" && ($2 == "daddr" || $2 == "saddr") && $3 == "ip" && /drop/ && ($4 in vip) { vip[$4] += $2 == "daddr" ? 1 : 2 }
		END {
			for (v in vip) if (vip[v] == 0) open++; else if (vip[v] == 3) blocked++
			print n == 0 ? "none" : open == n ? "open" : blocked == n ? "blocked" : "partial"
		}'
}
# Whether the node answers for its IPv6 VIPs: the backup drops what comes for them.
fact_nd() {
	case $vips in *:*) ;; *) printf none; return ;; esac
	if rules=$(nft list table netdev cluster 2>&1); then :; else
		case $rules in *"No such file"*) rules='' ;; *) return ;; esac
	fi
	{ vip_list | grep -F : | sed 's/^/vip /'; printf '%s\n' "$rules"; } | awk '
		$1 == "vip" { vip[$2] = 0; n++; next }
		/ip6 daddr / && /drop/ { gsub(/[{},]/, " "); for (i = 1; i <= NF; i++) if ($i in vip) vip[$i] = 1 }
		END {
			for (v in vip) blocked += vip[v]
			print n == 0 ? "none" : blocked == 0 ? "open" : blocked == n ? "blocked" : "partial"
		}'
}
# What listens on a VIP, and what nftlb sends on, as protocol/address:port: a range of ports
# of one farm is one word, * is any port and "any" any protocol. What people have started
# themselves, with an account of theirs or none, is not a farm.
fact_farms() {
	command -v ss >/dev/null || return
	rules=$(nftlb_rules) || return
	{
		vip_list | sed 's/^/vip /'
		ss -Hltnue 2>/dev/null | awk '{ uid = 0; for (i = 6; i <= NF; i++) if ($i ~ /^uid:/) uid = substr($i, 5); if (uid + 0 < 1000) print "at", $1, $5 }'
		printf '%s\n' "$rules"
	} | farm_ports | sort -t ' ' -k 1,1 -k 2,2 -k 3,3 -k 4,4n | uniq | awk '
		function flush() { if (key != "") print at (first == last ? first : first "-" last); key = "" }
		{ where = $2 "/" ($3 ~ /:/ ? "[" $3 "]" : $3) ":" }
		$1 == "-" || $4 !~ /^[0-9]+$/ { print where $4; next }
		$1 " " where == key && $4 == last + 1 { last = $4; next }
		{ flush(); key = $1 " " where; at = where; first = last = $4 }
		END { flush() }
	' | sort -u | grep . || printf none
}
# nftlb_rules prints nftlb's tables, of each family that has one.
nftlb_rules() {
	command -v nft >/dev/null || return 0
	tables=$(nft list tables 2>/dev/null) || return
	for family in ip ip6 netdev; do
		case "$tables
" in *"table $family nftlb
"*) nft -nn list table "$family" nftlb 2>/dev/null || return ;; esac
	done
}
# farm_ports prints "farm protocol address port" for each port of a VIP, farm being - for
# what listens itself. nftlb has maps from address and port, from address and any port,
# with the protocol among them or in the map's name, to a chain for each farm, which sends
# on; in netdev it does that for direct and stateless ways, and keeps its policies there
# too, which send nothing on.
farm_ports() {
	awk '
		function spelled(p) { return p == "6" ? "tcp" : p == "17" ? "udp" : p == "132" ? "sctp" : p }
		function element(e, part, n, k, proto, address, port, chain) {
			gsub(/^[ \t,]+|[ \t]+$/, "", e)
			if (!match(e, /[ \t]+:[ \t]+(goto|jump)[ \t]+/)) return
			chain = substr(e, RSTART + RLENGTH); sub(/[ \t].*/, "", chain)
			e = substr(e, 1, RSTART - 1); sub(/[ \t]+(counter|timeout|expires|comment)[ \t].*/, "", e)
			n = split(e, part, /[ \t]+\.[ \t]+/)
			proto = map ~ /(^|-)tcp-services/ ? "tcp" : map ~ /(^|-)udp-services/ ? "udp" : map ~ /(^|-)sctp-services/ ? "sctp" : "any"
			address = ""; port = "*"
			for (k = 1; k <= n; k++)
				if (part[k] in vip) address = part[k]
				else if (kind[k] == "inet_proto") proto = spelled(part[k])
				else if (kind[k] == "inet_service") port = part[k]
			if (address == "") return
			m++; to[m] = table " " chain; farm[m] = table "/" chain; what[m] = proto " " address " " port
		}
		$1 == "vip" { vip[$2] = 1; next }
		$1 == "at" {
			host = port = $3; sub(/:[^:]*$/, "", host); sub(/.*:/, "", port)
			gsub(/[][]/, "", host); sub(/%.*/, "", host); sub(/^::ffff:/, "", host)
			if (host in vip) print "-", $2, host, port
			next
		}
		/^table / { table = $2; next }
		/^\t}/ { map = chain = ""; next }
		/^\tmap / { map = $2; verdict = 0; if (map ~ /filter/) map = ""; next }
		/^\tchain / { chain = $2; next }
		map != "" && $1 == "type" {
			verdict = / : verdict$/; line = $0; sub(/^[ \t]*type /, "", line); sub(/ : .*/, "", line)
			split("", kind); split(line, kind, / \. /); next
		}
		map != "" && verdict && / : / {
			line = $0; sub(/^[ \t]*elements = \{/, "", line); sub(/\}[ \t]*$/, "", line)
			n = split(line, e, ",")
			for (k = 1; k <= n; k++) element(e[k])
		}
		chain != "" && (table == "netdev" ? /fwd to|dup to|(goto|jump) / : /dnat|redirect|tproxy|(goto|jump) /) { sends[table " " chain] = 1 }
		END { for (k = 1; k <= m; k++) if (to[k] in sends) print farm[k], what[k] }'
}
fact_hosts_deny() { table /etc/hosts.deny; }
fact_hosts_allow() { table /etc/hosts.allow; }
# table FILE: its very bytes; a line counts as libwrap reads it, and that is not told here.
table() {
	if [ -s "$1" ]; then base64 -w 0 "$1"; elif [ -e "$1" ]; then printf empty; else printf absent; fi
}
# The line that keeps the peer out, exactly, or that was to; whoever put it there.
fact_deny() {
	[ -n "$peer" ] || return
	[ -e /etc/hosts.deny ] || { printf none; return; }
	grep -qxF -e "$(deny_line "$peer")" -e "sshd: $peer" /etc/hosts.deny
	case $? in 0) printf present ;; 1) printf none ;; esac
}
fact_libwrap() {
	found=no
	for bin in "$(command -v sshd)" /usr/lib/openssh/sshd-session; do
		[ -x "$bin" ] && ldd "$bin" 2>/dev/null | grep -q libwrap && found=yes
	done
	printf %s "$found"
}
# Whether this node gets into its peer over ssh, as the product does it.
fact_peer_ssh() {
	[ -n "$peer" ] || { printf 'no peer'; return; }
	ask_peer
}
fact_licence() {
	[ -s "$licence" ] || { printf missing; return; }
	if ! end=$(openssl x509 -in "$licence" -noout -enddate 2>/dev/null); then printf unreadable; return; fi
	if openssl x509 -in "$licence" -noout -checkend 0 >/dev/null 2>&1; then printf 'valid until '; else printf 'expired on '; fi
	printf '%s' "${end#notAfter=}"
}
fact_disk() {
	df -Pk / "$root" /var/cache/apt/archives /var/lib/dpkg /tmp 2>/dev/null | awk 'NR > 1 && !seen[$6]++ { printf "%s=%d ", $6, $4 }'
}
# Digest of what the product replicates.
fact_digest() {
	[ -d "$root/config" ] || return
	config_sums | sha256sum | cut -d ' ' -f 1
}
# Which files of it were edited since zup stopped replication here: those that were
# changed, then those that were added and removed. Of more than 20 only so many are named.
fact_edited() {
	[ -e "$zup/kept/config.sums" ] || { printf none; return; }
	[ -d "$root/config" ] || return
	{
		sed 's/^/1 /' "$zup/kept/config.sums"
		config_sums | sed 's/^/2 /'
	} | awk '
		{ at = index($0, "  "); sum = substr($0, 3, at - 3); file = substr($0, at + 2); sub(/^\.\//, "", file); gsub(/ /, "\\x20", file) }
		$1 == 1 { was[file] = sum; next }
		{ now[file] = sum; if (!(file in was)) print "2 added " file; else if (was[file] != sum) print "1 " file }
		END { for (file in was) if (!(file in now)) print "3 removed " file }' |
		tr -c '\200-\377[:print:]\n' '?' | sort | cut -d ' ' -f 2- |
		awk 'NR <= 20 { printf "%s%s", (NR > 1 ? ", " : ""), $0 } END { if (NR > 20) printf ", and %d more", NR - 20; if (!NR) printf "none" }'
}
# Whether the product can save its configuration, and the backup that zup made of
# the version that runs, if it is whole.
fact_saver() { if [ -x "$saver" ]; then printf yes; else printf no; fi; }
fact_saved() {
	file=$root/backups/backup-zup-$(fact_version).tar.gz
	if [ -s "$file" ] && tar -tzf "$file" >/dev/null 2>&1; then printf '%s' "$file"; else printf none; fi
}
# What the update would take out of /etc/sysctl.conf, and whether a copy is kept already.
fact_sysctl() {
	lines=$(sysctl_lines) || [ $? -eq 1 ] || return
	if [ -n "$lines" ]; then printf '%s\n' "$lines" | base64 -w 0; else printf none; fi
}
fact_sysctl_kept() { if [ -s "$sysctl" ]; then printf yes; else printf no; fi; }
fact_reboot() { pending_reboot; }
# Whether the reboot that zup has ordered is through.
fact_rebooted() {
	[ -e "$zup/boot" ] || { printf not-asked; return; }
	if [ "$(cat "$zup/boot")" = "$(fact_boot)" ]; then printf no; else printf yes; fi
}
# What an unfinished run of zup left here.
fact_open() {
	[ -e "$zup/open" ] || { printf none; return; }
	found=$(find "$zup/open" -type f -printf '%f\n') || return
	if [ -n "$found" ]; then printf '%s\n' "$found" | sort; else printf none; fi
}
fact_left() { if [ -e "$zup" ]; then printf yes; else printf no; fi; }
fact_jobs() { find "$zup/jobs" -mindepth 1 -maxdepth 1 -type d -printf '%f ' | grep . || printf none; }
# What the product itself says of both nodes; it asks the peer over ssh, four times. So
# MASTER is asked, and the other node only where nobody is or where zup has to find out
# whether the product answers there.
fact_status() {
	if [ "$asked_for_status" = master ] && [ -e "$root/node_status" ]; then
		case $(fact_role) in master) ;; *) printf elsewhere; return ;; esac
	fi
	out=$(printf '[]' | timeout 60 "$bridge" "$module" get_cluster_nodes_status 2>/dev/null) || return
	states=$(printf '%s' "$out" | tr -d '\\ \n' | grep -oE '"status":"[^"]*"' | cut -d '"' -f 4 | sort | uniq -c | sed 's/^ *//' | tr '\n' ',')
	case $states in '2 ok,') printf ok ;; '') ;; *) printf '%s' "$states" ;; esac
}

blank=$(printf ' \t\r')'
'
# print FACT: on one line, its words apart by one space each.
print() {
	value=$("fact_$1" 2>/dev/null)
	fact=$1
	IFS=$blank
	# shellcheck disable=SC2086 # split at blanks; set -f keeps the words as they are
	set -- $value
	value=$*
	unset IFS
	printf '%s=%s\n' "$fact" "${value:-unknown}"
}
# simulate_update sets $changes to what apt says that the whole of the updater's -i would
# do, and $changed to apt's status, or "same". The simulation of all steps in one needs no
# state in between; of deb10 packages those are purged that the upgrade does not replace.
# shellcheck disable=SC2086 # $in_memory, $upgrade, $asked_for are words
simulate_update() {
	changes='' changed=0 lacks='' asked_for='' auto=''
	steps=$(updater_steps)
	if [ "${steps:-none}" = none ] && printf '%s\n' "$policy" | awk '/^ *Installed:/ { i = $2 } /^ *Candidate:/ { c = $2 } END { exit !(c != "" && i == c) }'; then
		changed=same
		return
	fi
	for step in $steps; do
		name=${step#*:}
		case $step in
		'purge:*deb10*')
			stay=$(printf '%s\n' "$simulated" | sed -n 's/^Inst \([^ ]*\) .*/\1/p')
			for name in $(dpkg-query -W -f='${db:Status-Abbrev} ${Package} ${Version}\n' 2>/dev/null | awk '$1 ~ /^.i/ && ($2 ~ /deb10/ || $3 ~ /deb10/) { print $2 }'); do
				printf '%s\n' "$stay" | grep -qxF "$name" || asked_for="$asked_for $name-"
			done
			;;
		purge:*) ! dpkg-query -W "$name" >/dev/null 2>&1 || asked_for="$asked_for $name-" ;;
		install:*) if apt-cache $in_memory policy "$name" 2>/dev/null | grep -q '^ *Candidate: [^(]'; then asked_for="$asked_for $name"; else lacks="$lacks $name"; fi ;;
		autoremove) auto=--autoremove ;;
		esac
	done
	if [ -z "$auto$asked_for" ]; then
		changes=$simulated changed=$failed
	else
		changes=$(apt-get -s $in_memory $auto $upgrade $asked_for 2>&1) || changed=$?
	fi
}
# apt_facts NAME...: those that apt is asked for, once for all of them.
# shellcheck disable=SC2086 # $in_memory is options, $upgrade is apt's option and command
apt_facts() {
	policy='' simulated='' failed=0
	# Where an offline image is set up, apt is asked about what is in it.
	if [ -e "$zup/open/image" ] && [ -e "$zup/apt/apt.conf" ]; then export APT_CONFIG="$zup/apt/apt.conf"; fi
	if asked candidate source packages removals loses; then policy=$(apt-cache $in_memory policy "$package" 2>/dev/null); fi
	if asked offer room packages removals loses; then simulated=$(apt-get -s $in_memory $upgrade 2>&1) || failed=$?; fi
	if asked packages removals loses; then simulate_update; fi
	for one in "$@"; do
		case $one in candidate | source | offer | room | packages | removals | loses) print "$one" ;; esac
	done
}

# The slow ones first, side by side: each writes its own short line. What apt says may be
# a long one, and is written when nobody else writes.
for name in "$@"; do
	case $name in peer_ssh | status | image | audit | updater | digest | licence) print "$name" & ;; esac
done
# The others meanwhile. Their lines may be long ones, and are written when nobody else
# writes.
vrrp_data=''
if asked vrrp priority; then vrrp_data=$(keepalived_data); fi
others=$(apt_facts "$@"
for name in "$@"; do
	case $name in
	peer_ssh | status | image | audit | updater | digest | licence | candidate | source | offer | room | packages | removals | loses) ;;
	*[!a-z_]*) ;;
	*) print "$name" ;;
	esac
done)
wait
[ -z "$others" ] || printf '%s\n' "$others"
echo end
