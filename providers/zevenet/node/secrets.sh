# name_secrets tells zup's program on this node what no output may carry away: the
# User-Agent of apt, which is made of the licence, its parts, passwords of repositories
# and proxies, and the licence's serial. What is not there is not named.
name_secrets() {
	[ -n "${ZUP_SECRETS:-}" ] || return 0
	(
		umask 077
		{
			cat /etc/apt/apt.conf /etc/apt/apt.conf.d/* 2>/dev/null |
				sed -n 's/.*User-Agent[^"]*"\([^"]*\)".*/\1/p' | tr ' ' '\n' | awk '{ print; n = split($0, part, ":"); for (i = 1; n > 1 && i <= n; i++) print part[i] }'
			cat /etc/apt/apt.conf /etc/apt/apt.conf.d/* /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
				sed -n 's#.*://[^/@" ]*:\([^/@" ]*\)@.*#\1#p'
			cat /etc/apt/auth.conf /etc/apt/auth.conf.d/* 2>/dev/null |
				awk '{ for (i = 1; i < NF; i++) if ($i == "password") print $(i + 1) }'
			openssl x509 -in "$licence" -noout -serial 2>/dev/null | sed 's/^serial=//' | awk '{ print; print tolower($0) }'
		} | awk 'length($0) >= 6 && !seen[$0]++' >"$ZUP_SECRETS.new"
		mv -f "$ZUP_SECRETS.new" "$ZUP_SECRETS"
	)
	unset ZUP_SECRETS
}
