# Saves the configuration with the product's own backup, under a name of zup's. It
# stays on the node on purpose. The product refuses to apply it on another version.
name_secrets
name=zup-$(sed -n 's/^[[:space:]]*\$version[[:space:]]*=[[:space:]]*"\([^"]*\)".*/\1/p' "$root/config/global.conf" | head -n 1)
rm -f "$root/backups/backup-$name.tar.gz"
"$saver" "$name" -c
