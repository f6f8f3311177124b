# Refreshes the package lists. It installs nothing.
DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=60 update
