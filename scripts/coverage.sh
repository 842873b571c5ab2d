#!/usr/bin/env bash
# coverage.sh PROFILE MINIMUM: prints the coverage per file and in all, fails below MINIMUM percent.
set -euo pipefail

profile=$1
minimum=$2

# A profile holds a block once for every test binary that could reach it.
awk -v minimum="$minimum" '
FNR == 1 { next }
{
	split($1, at, ":")
	if (!($1 in statements)) { statements[$1] = $2; file[$1] = at[1] }
	if ($3 > 0) hit[$1] = 1
}
END {
	for (block in statements) {
		all[file[block]] += statements[block]; total += statements[block]
		if (block in hit) { covered[file[block]] += statements[block]; reached += statements[block] }
	}
	for (name in all) printf "%6.1f %%  %s\n", 100 * covered[name] / all[name], name | "sort -k3"
	close("sort -k3")
	if (total == 0) { print "coverage: the profile is empty"; exit 1 }
	printf "coverage of the root, client, engine and internal together: %.1f %% of %d statements (at least %s %% wanted)\n", 100 * reached / total, total, minimum
	exit 100 * reached / total < minimum
}' "$profile"
