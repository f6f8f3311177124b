# config_sums prints a line of sha256sum for each file that the product replicates; the
# exclusions are those of its rsync.
config_sums() (
	cd "$root/config" 2>/dev/null || exit
	{
		find . -path ./local -prune -o -name lost+found -prune -o -type f \
			! -name global.conf ! \( -name 'if_*_conf' ! -name 'if_*:*_conf' \) \
			! -name zencert-c.key ! -name zencert.pem ! -name zlb-start ! -name zlb-stop \
			! -name noid-start ! -name noid-stop -print0
		printf '/etc/iproute2/rt_tables\0'
	} | LC_ALL=C sort -z | xargs -0 sha256sum 2>/dev/null
)
