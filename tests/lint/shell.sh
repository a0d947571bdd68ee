#!/usr/bin/env bash
# shell.sh [FILE...] - shellcheck over every script of the tree
set -euo pipefail

if [ $# = 0 ]; then
	mapfile -t files < <(git ls-files -co --exclude-standard '*.sh' .ci/run | while read -r f; do
		if [ -e "$f" ]; then echo "$f"; fi
	done)
	set -- "${files[@]}"
fi
shellcheck "$@"
echo "shell: $# scripts, nothing found"
