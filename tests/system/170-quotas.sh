#!/usr/bin/env bash
# 170-quotas.sh - one attacker beside 100 good subscribers, briefly: the short version of tests/stress/crowd.sh
exec "$(dirname "$0")/../stress/crowd.sh" 100 5 2 10000
