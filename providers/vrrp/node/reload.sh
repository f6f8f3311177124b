# Makes keepalived read its configuration again; without one that is a failure.
reload_keepalived() {
	running=$(keepalived_parents | head -n 1)
	if [ -z "$running" ]; then
		echo 'keepalived does not run'
		return 1
	fi
	if ! ready_for 0x1; then # SIGHUP
		echo 'keepalived has just started, and the signal would end it'
		return 1
	fi
	kill -HUP "$running"
}
