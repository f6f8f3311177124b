#!/bin/sh
# What a plain node does when it has booted: its addresses, then its services.
. /lab/settings
ip link set lo up
ip link set eth0 up
for address in $ADDRESSES; do ip address add "$address" dev eth0; done
mkdir -p /run/sshd
apt-get -qq update || echo 'no package lists'
[ -z "$WEB" ] || systemctl enable --now "$WEB"
[ -z "$KEEPALIVED" ] || systemctl enable --now keepalived
touch /run/lab-up
