# Removes what zup left on this node, if nothing temporary is open any more.
if [ -n "$(find "$zup/open" -type f 2>/dev/null)" ]; then
	echo "still open: $(ls "$zup/open")"
	exit 1
fi
rm -rf "$zup"
