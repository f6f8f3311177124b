# Puts the file that keepalived tracks back as it was.
kept=$zup/kept/track file='' value=''
[ ! -s "$zup/open/$mark" ] || { read -r file && read -r value; } <"$zup/open/$mark"
if [ ! -e "$kept" ] || [ -z "$file" ]; then
	echo 'nothing was kept'
elif [ -e "$file" ] && [ "$(cat "$file")" != "$value" ] && ! cmp -s "$kept" "$file"; then
	echo "$file was written by somebody else since; it stays"
elif [ -e "$kept.none" ]; then
	: >"$file" && rm -f "$file" || exit
else
	cat "$kept" >"$file" || exit
fi
rm -f "$kept" "$kept.none" "$zup/open/$mark"
