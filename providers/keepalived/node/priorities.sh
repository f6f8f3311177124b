# replace_priorities FILE PRIORITY: keepalived's configuration with each priority replaced.
# Whoever knows how many there are looks at that first.
replace_priorities() { sed -E "s/^([[:space:]]*priority[[:space:]]+)[0-9]+([[:space:]].*)?\$/\\1$2\\2/" "$1"; }
