# Starts keepalived again.
systemctl start keepalived.service && rm -f "$zup/open/$mark"
