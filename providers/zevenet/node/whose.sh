# what_is_here says which product of the family this node runs, or what else it is:
#
#	yes                          this product, with all that zup calls
#	no-updater, without PATH     this product, and not whole
#	community NAME               the community edition of a product of the family
#	other NAME                   another product of the family
#	replaced NAME [community]    what is left of this product; the other's package replaced it
#	beside NAME                  this product and another one
#	no [SYSTEM [with PROGRAM...]]  none of them
#
# dpkg knows what is installed, a directory may be left over from somebody else.
family='zevenet skudonet relianoid'
what_is_here() {
	own=${root##*/}
	# shellcheck disable=SC2016,SC2086 # dpkg-query's own variables; a word for each product
	installed=$(dpkg-query -W -f='@${Package} ${db:Status-Status} ${Description}\n' $family zevenet-ce-cluster skudonet-ce-cluster 2>/dev/null)
	if ! is_there "$own"; then
		for other in $family; do
			if [ "$other" != "$own" ] && is_there "$other"; then
				if is_community "$other"; then printf 'community %s' "$other"; else printf 'other %s' "$other"; fi
				return
			fi
		done
		what_else
		return
	fi
	for other in $family; do
		[ "$other" != "$own" ] && has_package "$other" || continue
		if ! has_package "$own"; then
			printf 'replaced %s' "$other"
			! is_community "$other" || printf ' community'
			return
		fi
		if is_there "$other"; then printf 'beside %s' "$other"; return; fi
	done
	if is_community "$own"; then printf 'community %s' "$own"; return; fi
	[ -x "$updater" ] || { printf no-updater; return; }
	for command in "$bridge" "$manager"; do
		[ -x "$command" ] || { printf 'without %s' "$command"; return; }
	done
	printf yes
}

# is_there NAME: whether the product's directory has programs, or its package is there, and
# it is not the link that a sibling leaves where the product would be.
is_there() {
	[ -d "/usr/local/$1" ] && { [ -d "/usr/local/$1/bin" ] || has_package "$1"; } || return 1
	[ -L "/usr/local/$1" ] || return 0
	to=$(readlink "/usr/local/$1")
	for sibling in $family; do
		case $to in "$sibling" | "./$sibling" | "/usr/local/$sibling" | "/usr/local/$sibling/") return 1 ;; esac
	done
}

# has_package NAME: whether dpkg has it, in whatever state but removed.
has_package() {
	while read -r name status _; do
		[ "$name" = "@$1" ] || continue
		case $status in not-installed | config-files) ;; *) return 0 ;; esac
	done <<END
$installed
END
	return 1
}

# is_community NAME: what dpkg says of its package counts first; then that the Enterprise
# edition's binary is not there, and something is that only the community edition has.
is_community() {
	described=''
	while read -r name status words; do
		case $name in @*) described=$name ;; *) words="$name $status $words" ;; esac
		[ "$described" = "@$1" ] || continue
		case $words in *[Cc]ommunity\ [Ee]dition*) if has_package "$1"; then return 0; fi ;; esac
	done <<END
$installed
END
	at=/usr/local/$1
	[ ! -x "$at/bin/enterprise.bin" ] || return 1
	[ ! -e "$at/bin/checkupdates" ] && [ ! -e "$at/app/ucarp/etc/cluster.conf" ] && [ ! -e "/etc/$1-ce-cluster.status" ] &&
		! has_package "$1-ce-cluster" && ! grep -qsiE 'RCE|community' "/etc/$1_version" || return 0
	return 1
}

# what_else names a node that is none of them.
what_else() {
	system=$(sed -n 's/^PRETTY_NAME=//p' /etc/os-release 2>/dev/null | tr -d '"' | tr -c '[:alnum:].,+:()/ _\n-' '?' | cut -c 1-60 | head -n 1)
	printf 'no %s' "$system"
	with=' with'
	for program in keepalived haproxy nginx; do
		if command -v "$program" >/dev/null; then printf '%s %s' "$with" "$program"; with=''; fi
	done
}
