#!/usr/bin/env bash
# The nights of an académie and of the country, measured: one release build, one table a size, on the machine as it is.
#
#     tests/bench/national.sh [SCHOOLS…]        70, 700 and 7000 schools of 121 pupils unless sizes are given
#
# TMPDIR says on which disk; the country needs 12 GB there. Beside each first night run the floor (the same bytes with
# the same fsyncs and the same rows, and nothing else) and the peers of tests/bench/peers. Peers that are not installed
# are left out and said so: `pip install lxml duckdb`. With NAVETTE_TEST_POSTGRES (tests/postgres start) two processes on
# one PostgreSQL are measured beside one.
set -euo pipefail
cd "$(dirname "$0")/../.."

sizes=("$@")
((${#sizes[@]})) || sizes=(70 700 7000)

cargo build --locked --release
printf '%s, %d processors, %s, %s on %s\n\n' "$(uname -srm)" "$(nproc)" \
    "$(awk '/MemTotal/ { printf "%d GB", $2 / 1e6 }' /proc/meminfo)" "$(target/release/navette --version)" \
    "$(df --output=fstype "${TMPDIR:-/tmp}" | tail -n 1)"
python=python3
[[ -x .venv/bin/python3 ]] && python=.venv/bin/python3
for size in "${sizes[@]}"; do
    "$python" tests/bench/national.py target/release/navette "$size"
done
if [[ -n "${NAVETTE_TEST_POSTGRES-}" ]]; then
    "$python" tests/bench/hosts.py target/release/navette "$NAVETTE_TEST_POSTGRES"
fi
