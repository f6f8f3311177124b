# Writes into a file that keepalived tracks, so that this node's priority is lower for as
# long as the role is away. What was there is kept and put back byte for byte.
kept=$zup/kept/track
own_folder
if [ ! -e "$kept" ]; then
	printf '%s\n' "$file" "$value" >"$zup/open/$mark" || exit
	if [ -e "$file" ]; then cp -pL "$file" "$kept.part"; else : >"$kept.none" && : >"$kept.part"; fi
	if ! mv -f "$kept.part" "$kept"; then
		rm -f "$kept.part" "$kept.none" "$zup/open/$mark"
		echo 'what is in the file could not be kept'
		exit 1
	fi
fi
printf '%s\n' "$value" >"$file"
