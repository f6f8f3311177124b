# Starts the replicator: it does not go into the background by itself, and its
# first act is to push this node's configuration to the peer.
if [ -z "$(replicators)" ]; then
	setsid "$bridge" "$replicator" </dev/null >/dev/null 2>&1 &
	sleep 1
fi
