#!/bin/bash
# Installs what building and testing need on Debian 12, and the packages that are named; does nothing
# where it is there already.
set -euo pipefail

packages=(
  g++ cmake ninja-build ccache pkg-config git
  libsqlitecpp-dev libsqlite3-dev libcurl4-openssl-dev libssl-dev libcrypt-dev nlohmann-json3-dev libspdlog-dev
  libcli11-dev libmimalloc-dev libsystemd-dev libhowardhinnant-date-dev libxxhash-dev tzdata
  doctest-dev libcpp-httplib-dev duktape-dev
  clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev
  python3-croniter
  sqlite3 openssl curl ca-certificates systemd procps scdoc
)
packages+=("$@") # for what only some need

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "installing: ${missing[*]}"
as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo > /dev/null || { echo "run this once as root: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
# Two tests may need packages at the same time, and a mirror may miss a request.
exec 9> "${TMPDIR:-/tmp}/kdocs-queued-setup.lock"
flock 9
patient=(-o DPkg::Lock::Timeout=600 -o Acquire::Retries=3)
"${as_root[@]}" apt-get "${patient[@]}" update -qq
"${as_root[@]}" apt-get "${patient[@]}" install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
