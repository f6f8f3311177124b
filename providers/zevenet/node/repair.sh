# Finishes what dpkg had begun on this node when its update did not end: what was
# unpacked is configured, and what was not even that is fetched again. Nothing is removed.
# The package's own scripts restart the services, so a node that serves is left alone.
role=''
[ ! -e "$root/node_status" ] || read -r role <"$root/node_status"
if [ "$role" = master ]; then
	echo 'this node serves, and finishing its packages would restart its services: nothing was done'
	exit 1
fi
DEBIAN_FRONTEND=noninteractive dpkg --configure -a
if [ -n "$(dpkg --audit)" ]; then DEBIAN_FRONTEND=noninteractive apt-get -y --no-remove -f install; fi
