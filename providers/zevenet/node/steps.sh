# updater_steps prints what the updater's -i does of apt besides its upgrade, as its text
# has it: "purge:NAME" and "purge:*deb10*", "autoremove", "update" where it reads the lists
# again, "install:NAME". That is the arm of -i, what stands in no arm, and the functions
# that are named there. Of what is not a script it prints nothing.
updater_steps() {
	case $(head -c 2 "$updater" 2>/dev/null | tr -d '\0') in '#!') ;; *) return ;; esac
	sed -e ':a' -e '/\\$/{N;s/\\\n//;ta' -e '}' "$updater" |
		sed '/^[[:space:]]*#/d; s/[[:space:]]#.*//; s/;;/;;\n/g; s/case[[:space:]].*[[:space:]]in[[:space:]]/&\n/' | awk '
		function add(step) { if (!(step in seen)) { seen[step] = 1; steps[++s] = step } }
		function names(rest, what,    n, k, w) {
			n = split(rest, w, /[ \t]+/)
			for (k = 1; k <= n; k++) {
				if (w[k] ~ /^[a-z0-9][a-z0-9+.-]*;?$/) { last = w[k] ~ /;$/; sub(/;$/, "", w[k]); add(what ":" w[k]); if (last) return }
				else if (w[k] !~ /^-/ && w[k] != "") return
			}
		}
		function apt(t,    rest) {
			gsub(/["'\'']/, "", t); sub(/^[ \t]*/, "", t)
			if (t ~ /^(echo|printf|logger|log|say)[ \t]/ || t !~ /(apt|dpkg)/) return
			if (t ~ /[ \t]auto(remove|purge)([ \t;&|>]|$)/) { add("autoremove"); return }
			if (match(t, /[ \t](purge|remove|--purge|-P)([ \t;&|>)]|$)/)) {
				rest = substr(t, RSTART + RLENGTH)
				if (deb10) add("purge:*deb10*")
				names(rest, "purge")
			} else if (t ~ /apt/ && match(t, /[ \t]install([ \t;&|>]|$)/)) {
				rest = substr(t, RSTART + RLENGTH)
				if (updates > 1) add("update")
				names(rest, "install")
			} else if (t ~ /apt/ && t ~ /[ \t]update([ \t;&|>]|$)/) updates++
		}
		{ line[++n] = $0 }
		END {
			for (i = 1; i <= n; i++) {
				t = line[i]; bare = t; gsub(/["'\'']/, "", bare)
				if (inside == "" && bare ~ /^[ \t]*(function[ \t]+[A-Za-z_][A-Za-z0-9_]*|[A-Za-z_][A-Za-z0-9_]*[ \t]*\(\))/) {
					inside = bare; sub(/^[ \t]*(function[ \t]+)?/, "", inside); rest = inside
					sub(/[^A-Za-z0-9_].*/, "", inside); sub(/^[A-Za-z0-9_]+[ \t]*(\(\))?[ \t]*/, "", rest)
					body[inside] = body[inside] "\n" rest
					if (rest ~ /\}[ \t]*$/) inside = ""
					continue
				}
				if (inside != "") {
					if (t ~ /^\}/) inside = ""; else body[inside] = body[inside] "\n" t
					continue
				}
				if (t ~ /(^|[ \t;])case[ \t].*[ \t]in([ \t]|$)/) { depth++; sub(/.*[ \t]in([ \t]|$)/, "", bare) }
				if (depth == 1 && match(bare, /^[ \t]*\(?[^()]*\)/)) {
					m = split(substr(bare, 1, RLENGTH - 1), words, "|"); arm = "other"
					for (k = 1; k <= m; k++) { gsub(/[ \t(]/, "", words[k]); if (words[k] == "-i") arm = "i" }
				}
				if (depth != 1 && depth != 2 || arm != "other") text = text "\n" t
				if (depth == 1 && t ~ /;;[ \t]*$/) arm = ""
				if (t ~ /(^|[ \t;])esac([ \t;]|$)/ && --depth == 0) arm = ""
			}
			do {
				more = 0
				for (f in body) if (!(f in named) && text ~ ("(^|[^A-Za-z0-9_])" f "([^A-Za-z0-9_]|$)")) { named[f] = 1; text = text "\n" body[f]; more = 1 }
			} while (more)
			deb10 = text ~ /deb10/
			n = split(text, line, "\n")
			for (i = 1; i <= n; i++) apt(line[i])
			if (s == 0) print "none"
			for (i = 1; i <= s; i++) print steps[i]
		}'
}
