# put_back KEPT FILE: gives a file its kept bytes back, whole or not at all.
put_back() {
	if cp -p "$1" "$2.zup" && mv -f "$2.zup" "$2"; then return; fi
	rm -f "$2.zup"
	echo "$2 could not be put back; as it was it is in $1"
	return 1
}
