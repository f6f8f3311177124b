# sysctl_lines prints what /etc/sysctl.conf says besides comments and empty lines.
sysctl_lines() { [ ! -f /etc/sysctl.conf ] || grep -vE '^[[:space:]]*([#;]|$)' /etc/sysctl.conf; }
