# Updates this node with the command that its updater prints: one that can't
# install anything by itself says which command of apt does. Only a command that
# is known is run; what a node prints is never taken for a program.
name_secrets
said=$("$updater" 2>&1 </dev/null)
printf '%s\n' "$said"
command=$(printf '%s\n' "$said" | grep -oE 'apt(-get)?( --with-new-pkgs)? (dist-|full-)?upgrade' | sort -u)
case $command in
'apt-get --with-new-pkgs upgrade') DEBIAN_FRONTEND=noninteractive apt-get --with-new-pkgs upgrade ;;
'apt --with-new-pkgs upgrade') DEBIAN_FRONTEND=noninteractive apt --with-new-pkgs upgrade ;;
*)
	echo 'zup: the updater prints no command that is known, so nothing was done'
	exit 1
	;;
esac
