# Finishes what dpkg had begun on this node when its update did not end: what was
# unpacked is configured, and what was not even that is fetched again. Nothing is removed.
DEBIAN_FRONTEND=noninteractive dpkg --configure -a
if [ -n "$(dpkg --audit)" ]; then DEBIAN_FRONTEND=noninteractive apt-get -y --no-remove -f install; fi
