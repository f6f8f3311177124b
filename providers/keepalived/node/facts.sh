# Reads facts of this node and changes nothing. The arguments are the names of facts, and
# the packages that are wanted as NAME=VERSION; each fact is printed as one line
# name=value, then the line "end" says that nothing was cut off. A value that can't be
# found out is "unknown".
set -f

names='' packages='' wants=''
for word in "$@"; do
	case $word in
	*=*) wants="$wants $word" packages="$packages ${word%%=*}" ;;
	*[!a-z_]*) ;;
	*) names="$names $word" ;;
	esac
done
# asked NAME...: whether one of these facts is.
asked() {
	for one in "$@"; do
		case " $names " in *" $one "*) return 0 ;; esac
	done
	return 1
}

fact_hostname() { read -r me </proc/sys/kernel/hostname && printf '%s' "$me"; }
fact_uid() { id -u; }
fact_boot() { read -r boot </proc/sys/kernel/random/boot_id && printf '%s' "$boot"; }
fact_time() { date +%s; }
fact_system() {
	system='' release=''
	while IFS='=' read -r key value; do
		value=${value#\"} value=${value%\"}
		case $key in ID) system=$value ;; VERSION_ID) release=$value ;; esac
	done </etc/os-release
	[ -z "$system" ] || printf '%s %s' "$system" "$release"
}
fact_supervisor() { if [ -d /run/systemd/system ]; then printf systemd; else printf other; fi; }

# Packages. What is wanted and what is there, each as NAME=VERSION; a package that is not
# installed whole has what dpkg says of it behind that.
# shellcheck disable=SC2016 # dpkg-query's own variables
installed() {
	for package in $packages; do
		out=$(dpkg-query -W -f='${db:Status-Abbrev} ${Version}' "$package" 2>/dev/null) || out=''
		case $out in
		'ii '* | 'hi '*) printf '%s=%s\n' "$package" "${out##* }" ;;
		'' | 'un '* | 'rc '* | 'pn '*) printf '%s=none\n' "$package" ;;
		*) printf '%s=%s(%s)\n' "$package" "${out##* }" "${out%% *}" ;;
		esac
	done
}
fact_packages() { installed | grep . || printf none; }
# The same as people read it: "haproxy 2.6.12-1, keepalived 1:2.2.7-1"; of a single package
# its version.
fact_version() {
	case $packages in *' '*' '*) installed | sed 's/=/ /; $!s/$/,/' ;; *) installed | sed 's/[^=]*=//' ;; esac
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
# What apt says is worked out in memory: no lock is taken and no cache of its own is written.
in_memory='-o Debug::NoLocking=1 -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache='
# Those of the wanted ones that the lists here offer, of a repository and not only as what
# is installed.
# shellcheck disable=SC2086 # $in_memory is options, $packages are words
offered() {
	for want in $wants; do
		apt-cache $in_memory policy "${want%%=*}" 2>/dev/null | awk -v want="${want#*=}" -v word="$want" '
			/^ *Version table:/ { table = 1; next }
			!table { next }
			/^ *(\*\*\* )?[^ ]+ -?[0-9]+$/ { version = $1 == "***" ? $2 : $1; next }
			version == want && $2 !~ /^\/var\/lib\/dpkg\/status/ { print word; exit }'
	done
}
fact_offers() { offered | grep . || printf none; }
# The versions that are installed and that a repository still has: the way back.
fact_returns() {
	wants=$(installed | grep -v '(' | grep -v '=none$' | tr '\n' ' ')
	offered | grep . || printf none
}
# What installing the wanted versions would do, as far as the lists here know:
# "^NAME=OLD>NEW", "+NAME=NEW", "-NAME=OLD", "vNAME=OLD>NEW" for one that gets an older version.
fact_simulated() {
	[ "$failed" = 0 ] || { printf 'error %s' "$(printf '%s\n' "$simulation" | grep -E '^(E|N|W): |Depends' | tail -n 3)"; return; }
	would_change | grep . || printf none
}
would_change() {
	printf '%s\n' "$simulation" | sed -n -e 's/^Inst \([^ ]*\) \[\([^]]*\)\] (\([^ )]*\).*/\1 \2 \3/p' -e 's/^Inst \([^ ]*\) (\([^ )]*\).*/+\1=\2/p' \
		-e 's/^\(Remv\|Purg\) \([^ ]*\) \[\([^]]*\)\].*/-\2=\3/p' | while read -r name old new; do
		case $name in
		[+-]*) printf '%s\n' "$name" ;;
		*) if dpkg --compare-versions "$new" lt "$old"; then printf 'v%s=%s>%s\n' "$name" "$old" "$new"; else printf '^%s=%s>%s\n' "$name" "$old" "$new"; fi ;;
		esac
	done | awk '!seen[$0]++'
}
fact_removals() { [ "$failed" = 0 ] || return; would_change | sed -n 's/^-\([^=]*\)=.*/\1/p' | sort -u | grep . || printf none; }
# Whether everything that installing them needs is on this node already.
# shellcheck disable=SC2086 # $in_memory is options, $wants are words
fact_archives() {
	[ -n "$wants" ] || { printf there; return; }
	out=$(apt-get -qq $in_memory --print-uris -y --no-remove --allow-downgrades install $wants 2>/dev/null) || return
	if [ -z "$out" ]; then printf there; else printf '%s\n' "$out" | awk '{ print $2 }'; fi
}
fact_disk() {
	df -Pk / /var/cache/apt/archives /var/lib/dpkg /var/lib/zup /tmp 2>/dev/null | awk 'NR > 1 && !seen[$6]++ { printf "%s=%d ", $6, $4 }'
}
# What apt would fetch and unpack, in KiB, against what is free where it goes.
# shellcheck disable=SC2086 # $in_memory is options, $found has one word for each package
fact_room() {
	[ "$failed" = 0 ] || return
	found=$(would_change | sed -n 's/^[v^]\([^=]*\)=[^>]*>\(.*\)/\1=\2/p; s/^+//p')
	need=$([ -z "$found" ] || apt-cache $in_memory show --no-all-versions $found 2>/dev/null |
		awk '/^Installed-Size:/ { i += $2 } /^Size:/ { s += $2 / 1024 } END { printf "%d", i + s }')
	free=$(df -Pk / /var/cache/apt/archives 2>/dev/null | awk 'NR > 1 && (m == "" || $4 < m) { m = $4 } END { print m }')
	if [ -n "$free" ] && [ "${need:-0}" -le "$free" ]; then printf enough; else printf 'need %s KiB, free %s KiB' "${need:-0}" "$free"; fi
}

# keepalived. $vrrp_data has what it said, a line a word: see vrrp_words.
# One that only tests a configuration, as fact_valid has it do, does not count.
fact_keepalived() {
	found=$(keepalived_parents) || return
	count=0
	for pid in $found; do
		case $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") in '' | *' -t '* | *' --config-test'*) ;; *) count=$((count + 1)) ;; esac
	done
	printf '%s' "$count"
}
data() { printf '%s\n' "$vrrp_data" | sed -n "s/^$1 //p"; }
fact_instances() { data instance | grep . || { [ "$(fact_keepalived)" = 0 ] && printf none; }; }
# A file that keepalived overwrites when it starts does not keep what was put into it.
fact_track_files() {
	[ -n "$vrrp_data" ] || return
	if grep -qsE '^[[:space:]]*init_file[[:space:]].*overwrite' /etc/keepalived/keepalived.conf; then printf none; return; fi
	data file | grep . || printf none
}
# The state of all instances together: one word, or "mixed".
fact_vrrp() {
	if [ -z "$vrrp_data" ]; then
		[ "$(fact_keepalived)" = 0 ] && printf down
		return
	fi
	states=$(data instance | sed 's/.*;state=\([^;]*\);.*/\1/' | sort -u)
	case $states in '') printf 'no-instance' ;; *[!A-Z]*) printf mixed ;; *) printf '%s' "$states" ;; esac
}
vip_list() { data vip | sort -u; }
fact_vips() { [ -n "$vrrp_data" ] || return; vip_list | grep . || printf none; }
# How many of the VIPs are on an interface of this node.
fact_vips_here() {
	[ -n "$vrrp_data" ] || [ "$(fact_keepalived)" = 0 ] || return
	addresses=$(ip -o addr show 2>/dev/null | awk '{ sub(/\/.*/, "", $4); print $4 }')
	vip_list | awk -v here="$addresses" '
		BEGIN { n = split(here, a, "\n"); for (i = 1; i <= n; i++) is[a[i]] = 1 }
		{ if ($1 in is) there = there " " $1; else absent++ }
		END { print there == "" ? "none" : absent ? "some:" there : "all" }'
}
fact_role() {
	case "$(fact_vrrp) $(fact_vips_here)" in
	'MASTER all') printf master ;;
	'BACKUP none') printf backup ;;
	'FAULT none') printf fault ;;
	'down none') printf halted ;;
	*' ' | ' '*) ;;
	*) printf unclear ;;
	esac
}
# The priorities that count, least and greatest.
fact_priority() { data instance | sed 's/.*;effective=\([^;]*\);.*/\1/' | sort -n | sed -n '1p;$p' | tr '\n' ' '; }
# The priorities that there are when nothing of zup's is open, least and greatest.
fact_usual() {
	if [ -e "$zup/kept/keepalived.conf" ]; then
		sed -n 's/^[[:space:]]*priority[[:space:]]\{1,\}\([0-9]*\).*/\1/p' "$zup/kept/keepalived.conf"
	elif [ -e "$zup/kept/track" ]; then
		data instance | sed 's/.*;priority=\([^;]*\);.*/\1/'
	else
		data instance | sed 's/.*;effective=\([^;]*\);.*/\1/'
	fi | sort -n | sed -n '1p;$p' | tr '\n' ' '
}
fact_nonlocal() {
	four=0 six=0
	read -r four </proc/sys/net/ipv4/ip_nonlocal_bind
	[ ! -r /proc/sys/net/ipv6/ip_nonlocal_bind ] || read -r six </proc/sys/net/ipv6/ip_nonlocal_bind
	printf '%s %s' "$four" "$six"
}
# What listens on a VIP, on its own or on all addresses, as protocol/address:port. What
# people have started themselves is not a service.
fact_listens() {
	command -v ss >/dev/null || return
	[ -n "$vrrp_data" ] || return
	{
		vip_list | sed 's/^/vip /'
		ss -Hltnue 2>/dev/null | awk '{ uid = 0; for (i = 6; i <= NF; i++) if ($i ~ /^uid:/) uid = substr($i, 5); if (uid + 0 < 1000) print "at", $1, $5 }'
	} | awk '
		$1 == "vip" { vip[$2] = 1; next }
		{
			host = port = $3; sub(/:[^:]*$/, "", host); sub(/.*:/, "", port)
			gsub(/[][]/, "", host); sub(/%.*/, "", host); sub(/^::ffff:/, "", host)
			for (v in vip) if (host == v || host == "*" || host == "0.0.0.0" && v !~ /:/ || host == "::" && v ~ /:/)
				print $2 "/" (v ~ /:/ ? "[" v "]" : v) ":" port
		}' | sort -u | grep . || printf none
}

fact_services() {
	for unit in $known_units; do
		if [ -n "$(unit_pids "$unit")" ]; then printf '%s ' "$unit"; fi
	done | grep . || printf none
}
fact_stale() { stale_units | grep . || printf none; }
# Services that are meant to run and do not.
fact_dead() {
	[ -d /run/systemd/system ] || { printf unknown; return; }
	for unit in $known_units; do
		[ "$(systemctl is-enabled "$unit.service" 2>/dev/null)" = enabled ] || continue
		systemctl -q is-active "$unit.service" 2>/dev/null || printf '%s ' "$unit"
	done | grep . || printf none
}
# Whether the configurations can be read by the programs that are installed: "ok", or what
# the first one says.
fact_valid() {
	for unit in $known_units; do
		case $unit in
		haproxy) file=/etc/haproxy/haproxy.cfg ;;
		nginx) file=/etc/nginx/nginx.conf ;;
		keepalived) file=/etc/keepalived/keepalived.conf ;;
		*) continue ;;
		esac
		[ -e "$file" ] || continue
		command -v "$unit" >/dev/null || continue
		out=$(check_configuration "$unit" 2>&1) || { printf '%s: %s' "$unit" "$(printf '%s\n' "$out" | grep . | tail -n 3 | cut -c 1-300)"; return; }
	done
	printf ok
}
# nginx -t writes its PID file where there is none, and opens its logs: it is asked where it
# runs already.
check_configuration() {
	case $1 in
	haproxy) haproxy -c -q -f /etc/haproxy/haproxy.cfg ;;
	nginx) [ -z "$(unit_pids nginx)" ] || nginx -t -q ;;
	keepalived) keepalived -t -l -f /etc/keepalived/keepalived.conf ;;
	esac
}
# The configuration's files, each with the beginning of its digest. keepalived's is each
# node's own.
fact_configs() {
	for top in /etc/haproxy /etc/nginx; do
		[ ! -d "$top" ] || find "$top" -type f ! -name '*.dpkg-*' ! -name '*.zup' -print0
	done | LC_ALL=C sort -z | xargs -0 -r sha256sum 2>/dev/null | while read -r sum file; do
		printf '%s=%.12s\n' "$(printf '%s' "${file#/etc/}" | tr -c '[:alnum:]._/+\n-' '?')" "$sum"
	done | grep . || printf none
}
fact_conf() { sum=$(sha256sum </etc/keepalived/keepalived.conf 2>/dev/null) && printf '%.12s' "$sum"; }
# How many lines of keepalived.conf begin with a priority, against how many instances.
fact_priority_lines() { grep -cE '^[[:space:]]*priority[[:space:]]+[0-9]+([[:space:]].*)?$' /etc/keepalived/keepalived.conf 2>/dev/null; }

fact_reboot() { pending_reboot; }
# What an unfinished run of zup left here.
fact_open() {
	[ -e "$zup/open" ] || { printf none; return; }
	found=$(find "$zup/open" -type f -printf '%f\n') || return
	if [ -n "$found" ]; then printf '%s\n' "$found" | sort; else printf none; fi
}
fact_left() { if [ -e "$zup" ]; then printf yes; else printf no; fi; }
fact_jobs() { find "$zup/jobs" -mindepth 1 -maxdepth 1 -type d -printf '%f ' | grep . || printf none; }

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

# vrrp_words makes of keepalived's data a line for each instance, VIP and track file. What
# a configuration calls them may be anything.
vrrp_words() {
	awk '
		function plain(s) { gsub(/[^A-Za-z0-9_.:\/-]/, "?", s); return s }
		function flush() {
			if (name != "") print "instance " name ";state=" state ";want=" want ";priority=" priority ";effective=" effective ";advert=" advert ";preempt=" preempt ";delay=" delay ";vmac=" vmac ";version=" version ";group=" group ";vips=" vips ";"
			name = ""
		}
		/^------< VRRP Topology/ { part = "topology"; next }
		/^------< VRRP Track files/ { flush(); part = "files"; next }
		/^------</ { flush(); part = ""; next }
		part == "topology" && /^ *VRRP Instance = / {
			flush(); sub(/^ *VRRP Instance = /, ""); name = plain($0)
			state = want = priority = effective = advert = "unknown"; preempt = "yes"; delay = 0; vmac = "no"; version = 2; group = "none"; vips = ""; next
		}
		part == "topology" && / = / || /VMAC/ {
			key = $0; sub(/ = .*/, "", key); gsub(/^ +/, "", key); value = $0; sub(/^[^=]* = /, "", value)
			if (key == "State") state = plain(value)
			else if (key == "Wantstate") want = plain(value)
			else if (key == "Priority") priority = value + 0
			else if (key == "Effective priority") effective = value + 0
			else if (key == "Total priority" && effective == "unknown") effective = value + 0
			else if (key == "Advert interval") advert = value ~ /milli/ ? value + 0 : value * 1000
			else if (key == "Preempt delay") delay = int(value * 1000)
			else if (key == "Preempt") preempt = value ~ /enabled/ ? "yes" : "no"
			else if (key == "VRRP Version") version = value + 0
			else if (key == "Sync group") group = plain(value)
			else if ($0 ~ /[Uu]s(e|ing) VMAC/) vmac = "yes"
			next
		}
		part == "topology" && $1 ~ /^[0-9a-f.:]+(\/[0-9]+)?$/ && $2 == "dev" {
			vip = $1; sub(/\/.*/, "", vip); print "vip " vip; vips = vips (vips == "" ? "" : ",") vip; next
		}
		part == "files" && / = / {
			key = $0; sub(/ = .*/, "", key); gsub(/^ +/, "", key); value = $0; sub(/^[^=]* = /, "", value)
			if (key == "Track file") { file = plain(value) }
			else if (key == "File") path = plain(value)
			else if (key == "Status") status = value + 0
			next
		}
		part == "files" && /, weight / {
			line = $0; gsub(/^ +/, "", line); who = line; sub(/, weight .*/, "", who); sub(/.*, weight /, "", line)
			print "file " file ";path=" path ";status=" status ";instance=" plain(who) ";weight=" (line + 0) ";"
		}'
}

# Before anything else: a keepalived that tests its configuration is not one that runs.
if asked valid; then print valid; fi
vrrp_data=''
if asked instances track_files vrrp vips vips_here role priority usual listens; then vrrp_data=$(keepalived_data | vrrp_words); fi
simulation='' failed=0
# shellcheck disable=SC2086 # $in_memory is options, $wants are words
if [ -n "$wants" ] && asked simulated removals room; then simulation=$(apt-get -s $in_memory -y --allow-downgrades install $wants 2>&1) || failed=$?; fi

# The slow ones side by side: each writes its own short line.
for name in $names; do
	case $name in audit | archives | offers) print "$name" & ;; esac
done
others=$(for name in $names; do
	case $name in audit | archives | offers | valid) ;; *) print "$name" ;; esac
done)
wait
[ -z "$others" ] || printf '%s\n' "$others"
echo end
