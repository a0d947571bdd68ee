#!/usr/bin/env bash
# reference.sh BUILD - the shipped nat64.ini is what nat64d prints of its own table
#
# shm/config.def declares the keys; nat64.ini is generated from it, but kept in the tree because people read it there.
set -euo pipefail

if ! diff -u nat64.ini <("$1/nat64d" --print-reference); then
	echo "nat64.ini is not what nat64d --print-reference says; write it anew"
	exit 1
fi
echo "reference: nat64.ini is up to date"
