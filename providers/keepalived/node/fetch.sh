# Fetches what the wanted versions need into apt's own cache, so that nothing has to be
# fetched while a node is out. It installs nothing.
# shellcheck disable=SC2086 # $wants are words
DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=60 --no-remove $downgrades --download-only install $wants
