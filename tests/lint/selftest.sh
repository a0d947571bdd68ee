#!/usr/bin/env bash
# selftest.sh BUILD - every lint can fail: each gets a sample that breaks its rule and must name it
#
# A lint that never fails proves nothing. Each case below is a small tree in a temporary folder with one fault in it, the
# lint that must find it, and a word its message must hold. BUILD is the compiler's output folder, for programs.
set -euo pipefail

lints=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cases=0 rc=0

# fresh - an empty tree with the house's folders
fresh()
{
	rm -rf "$tree"
	mkdir -p "$tree"/{shm,worker/xlat,supervisor/birth,ctl,tests/lint}
	cp "$lints"/names.allow "$lints"/cppcheck.suppressions "$tree/tests/lint"
	cp "$lints/../../.clang-tidy" "$tree"
	cd "$tree"
	git init -q
}

# refuses WORD LINT... - the lint fails here and says WORD
refuses()
{
	local word=$1 said
	shift
	cases=$((cases + 1))
	if said=$("$lints/$1" "${@:2}" 2>&1); then
		echo "$1 did not fail where it should say: $word"
		rc=1
	elif ! grep -qF -- "$word" <<<"$said"; then
		echo "$1 failed without saying \"$word\": $said"
		rc=1
	fi
}

# accepts LINT... - and it does not fail on everything
accepts()
{
	local said
	cases=$((cases + 1))
	if ! said=$("$lints/$1" "${@:2}" 2>&1); then
		echo "$1 failed on a sample without a fault: $said"
		rc=1
	fi
}

# compile FILE FLAG... - FILE.c becomes FILE
compile()
{
	gcc -w -o "$1" "$1.c" "${@:2}"
}

opening='/*
 * a.c - a sample
 *
 * It shows a rule.
 * Must never: fail.
 */'

fresh
echo '#include "ctl/page.h"' >shm/a.h
refuses 'shm may not include ctl' rooms.py
echo '#include <unistd.h>' >shm/a.h
refuses 'shm is pure' rooms.py
echo '#include <string.h>' >shm/a.h
accepts rooms.py
echo '#include <libmnl/libmnl.h>' >worker/a.c
refuses 'belongs to supervisor' rooms.py
echo '#include <jansson.h>' >worker/a.c
refuses 'belongs to ctl' rooms.py
echo 'int x(int *p) { return __atomic_load_n(p, 0); }' >worker/a.c
refuses 'go through shm/atomic.h' rooms.py
echo '#include "worker/loop.h"' >worker/xlat/a.c
rm worker/a.c
refuses 'worker/xlat may not include worker' rooms.py

fresh
printf '%s\nint x;\n' "$opening" >shm/a.c
accepts text.py
printf '%s\nint x; \n' "$opening" >shm/a.c
refuses 'blank at the end' text.py
printf '%s\n/* TO''DO: more */\n' "$opening" >shm/a.c
refuses 'shm/a.c:7: TO''DO' text.py
printf '%s\nint x; /* %0130d */\n' "$opening" 1 >shm/a.c
refuses 'columns, at most' text.py
printf '%s\nint x;\n    int y;\n' "$opening" >shm/a.c
refuses 'indented with blanks' text.py
printf 'int x;\n' >shm/a.c
refuses 'does not open with' text.py
printf '/*\n * a.c - a\n * never c\n */\n' >shm/a.c
refuses 'fewer than three lines' text.py
printf '%s\n' "${opening/Must never: fail./That is all.}" >shm/a.c
refuses 'must never do' text.py

fresh
{ printf 'int\nf(void)\n{\n'; yes '	f();' | head -90 || true; printf '}\n'; } >shm/a.c
refuses 'f() has 92 lines' sizes.py
yes 'int x;' | head -601 >shm/a.c || true
refuses '601 lines' sizes.py
printf 'static int f(void)\n{\n}\n' >shm/a.c
refuses 'return type' sizes.py
printf 'static int\nf(void)\n{\n}\n' >shm/a.c
accepts sizes.py

fresh
cat >worker/xlat/to4.c <<'END'
int ip4_length(const struct ip4 *h)
	if (h->ip4_len < 20)
		return -1;
	return h->ip4_len + more4(h);
END
tr 46 64 <worker/xlat/to4.c >worker/xlat/to6.c
refuses '100.0 %' mirror.py
printf 'int other(int a)\n\ta += 5;\n\treturn a * 7;\n' >worker/xlat/to6.c
accepts mirror.py

fresh
printf '/* See gone_away() and CLOCK_BOOTTIME. */\nint x;\n' >shm/a.c
refuses 'gone_away does not exist' names.py
printf '/* See shm/gone.h. */\nint x;\n' >shm/a.c
refuses 'shm/gone.h does not exist' names.py
printf '/* See GONE_AWAY of poll(). */\nint x;\n' >shm/a.c
refuses 'GONE_AWAY does not exist' names.py
printf '/* See here_i_am() and CLOCK_BOOTTIME and poll(). */\nint here_i_am;\n' >shm/a.c
accepts names.py

# clause SHOWN WHERE - docs/RFC.md with one row; " stands for a backtick
clause()
{
	printf '| clause | asks | where | shown by |\n|---|---|---|---|\n| RFC 1 2 | it opens | %s | %s |\n' "$2" "$1" |
		tr '"' '\140' >docs/RFC.md
}

fresh
mkdir -p docs tests/vectors tests/unit
printf 'static int\na_open(void)\n{\n\treturn 0;\n}\n' | tee shm/a.c >tests/unit/test_a.c
printf 'class Row:\n    name, clause = "it opens 7 times", "RFC 1 2.3"\nROWS = [Row]\n' >tests/vectors/row.py
clause '"it opens * times", "tests/unit/test_a.c:a_open"' '"shm/a.c:a_open"'
accepts rfc.py
clause '"it opens"' '"shm/a.c:a_open"'
refuses 'no vector row is called it opens' rfc.py
clause '"tests/unit/test_b.c"' '"shm/a.c:a_open"'
refuses 'tests/unit/test_b.c does not exist' rfc.py
clause '"it opens * times"' '"shm/a.c:a_close"'
refuses 'no function a_close' rfc.py
clause '' '"shm/a.c:a_open"'
refuses 'names a function and no test' rfc.py
clause '"it opens * times"' 'well'
refuses 'does not say why' rfc.py
clause '' 'not yet'
accepts rfc.py
sed -i 's/RFC 1 /RFC 12 /' docs/RFC.md
refuses 'nothing of RFC 1, which vector rows show' rfc.py

fresh
echo 'int b_open(void) { return 0; }' >a.c
gcc -c -o a.o a.c
refuses 'b_open does not start with a_' symbols.sh a.o
echo 'int a_open(void) { return 0; } int main(void) { return 0; }' >a.c
gcc -c -o a.o a.c
accepts symbols.sh a.o
echo 'int open(void); int a_open(void) { return open(); }' >a.c
gcc -c -o a.o a.c
ar rc a.a a.o
refuses 'needs open' pure.sh a.a
gcc -shared -fPIC -o a.so a.c
refuses 'needs open' pure.sh a.so
echo 'void *memcpy(void *, void *, unsigned long); int a(void *x) { memcpy(x, x, 9); return 0; }' >a.c
gcc -O0 -fno-builtin -c -o a.o a.c
ar rc b.a a.o
accepts pure.sh b.a

fresh
printf 'int puts(const char *); int main(void) { puts("a"); return 0; }\n' >nat64ctl.c
cp "$build"/{nat64d,nat64-worker,nat64-ctld,libnat64.so} .
compile nat64ctl
accepts needed.sh .
compile nat64ctl -Wl,--no-as-needed -lm
refuses 'nat64ctl: needs <libm>' needed.sh .
harden=(-pie -fPIE -O2 '-Wl,-z,relro,-z,now' -fcf-protection -fstack-protector-all)
compile nat64ctl "${harden[@]}"
accepts hardening.sh .
compile nat64ctl "${harden[@]}" -no-pie
refuses 'not position independent' hardening.sh .
compile nat64ctl "${harden[@]}" -Wl,-z,lazy
refuses 'binds lazily' hardening.sh .
compile nat64ctl "${harden[@]}" -Wl,-z,norelro
refuses 'no RELRO' hardening.sh .
compile nat64ctl "${harden[@]}" -Wl,-z,execstack
refuses 'executable stack' hardening.sh .
compile nat64ctl "${harden[@]}" -fno-stack-protector
refuses 'no stack protector' hardening.sh .
compile nat64ctl "${harden[@]}" -fcf-protection=none
refuses 'control flow' hardening.sh .

printf '#!/bin/sh\necho "other = 1"\n' >nat64d
chmod +x nat64d
echo 'some = 1' >nat64.ini
refuses 'nat64.ini is not what' reference.sh .

fresh
mkdir packaging
printf '\tCAP(CAP_KILL, CAPS_SIGNAL, "children")\n' >supervisor/caps.h
printf 'profile a @PREFIX@/a {\n  capability kill,\n}\n' >packaging/nat64d.apparmor
accepts apparmor.sh
printf 'profile a @PREFIX@/a {\n  capability kill,\n  capability chown,\n}\n' >packaging/nat64d.apparmor
refuses CAP_CHOWN apparmor.sh
printf 'profile a @PREFIX@/a {\n  capability kill,\n  /etc/passwd everything,\n}\n' >packaging/nat64d.apparmor
refuses 'parser error' apparmor.sh

fresh
mkdir tests/fuzz
cp "$lints/../mutants.sh" tests
printf 'int a;\n' >shm/a.c
printf '#!/bin/bash\nsource tests/mutants.sh\nmutant b shm/a.c s/a/b/\nfinish\n' >tests/fuzz/mutants.sh
chmod +x tests/fuzz/mutants.sh
accepts mistakes.sh
printf 'int c;\n' >shm/a.c
refuses 'FAILED b: its sed script does not match shm/a.c' mistakes.sh

fresh
# shellcheck disable=SC2016
printf '#!/bin/sh\necho $1\n' >a.sh
refuses SC2086 shell.sh a.sh
printf 'int f(int x)\n{\n\tint a[2];\n\ta[2] = x;\n\treturn a[0];\n}\n' >a.c
refuses arrayIndexOutOfBounds cppcheck.sh a.c
refuses clang- tidy.sh a.c
printf 'int f(int x);\nint f(int x)\n{\n\treturn x;\n}\n' >a.c
accepts cppcheck.sh a.c
accepts tidy.sh a.c

[ $rc = 0 ] && echo "selftest: $cases samples judged as they should be"
exit $rc
