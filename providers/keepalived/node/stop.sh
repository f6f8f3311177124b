# Stops keepalived, so that the role goes to the node whose priority has been raised.
own_folder
: >"$zup/open/$mark"
systemctl stop keepalived.service
