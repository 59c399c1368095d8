# A real systemd as PID 1, in a container over a copy-on-write view of this machine's root. To be sourced
# by a script that skips where that cannot be had; sets root_folder and inside.
set -euo pipefail

skip() {
  echo "skipped: $*"
  exit 77
}

# Mounts made here are seen by nobody else, and end with this process.
own_mounts() {
  [ "$(id -u)" = 0 ] || skip "only root can boot a container"
  [ -n "${OWN_MOUNTS:-}" ] && return
  unshare --mount true 2> /dev/null || skip "no mounts can be made here"
  OWN_MOUNTS=1 exec unshare --mount --propagation private bash "$0" "$@"
}

# In a cgroup of its own the container leaves none behind. Where systemd runs the machine it makes one.
cgroup=kdq-container-$$
enter_cgroup() {
  keep_unit=()
  [ ! -d /run/systemd/system ] || return 0
  keep_unit=(--keep-unit)
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    [ -e "$hierarchy/cgroup.procs" ] || continue
    mkdir "$hierarchy/$cgroup" && echo $$ > "$hierarchy/$cgroup/cgroup.procs" || skip "no cgroup can be made here"
  done
}
leave_cgroup() {
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    [ -d "$hierarchy/$cgroup" ] || continue
    echo $$ > "$hierarchy/cgroup.procs"
    find "$hierarchy/$cgroup" -depth -type d -exec rmdir {} + || true
  done
}

# view FOLDER: the machine's root, whose changes are kept in memory and forgotten, at FOLDER/root; without
# the machine's own services, and without the package.
view() {
  root_folder=$1/root
  mkdir "$1/changes" "$root_folder"
  mount -t tmpfs tmpfs "$1/changes" 2> /dev/null || skip "no tmpfs can be mounted here"
  mkdir "$1/changes/upper" "$1/changes/work"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$1/changes/upper,workdir=$1/changes/work" "$root_folder" 2> /dev/null ||
    skip "no overlay of the root can be mounted here"
  local etc=$root_folder/etc generator
  rm -rf "$etc"/systemd/system/*.wants "$etc"/systemd/system/*.requires "$etc"/rc?.d "$root_folder/usr/sbin/policy-rc.d"
  ln -sfn /lib/systemd/system/multi-user.target "$etc/systemd/system/default.target"
  mkdir -p "$etc/systemd/system-generators"
  for generator in "$root_folder"/lib/systemd/system-generators/*; do
    [[ ${generator##*/} == systemd-* ]] || ln -sfn /dev/null "$etc/systemd/system-generators/${generator##*/}"
  done
  : > "$etc/fstab"
  tr -d - < /proc/sys/kernel/random/uuid > "$etc/machine-id" # without one all services are enabled at first
  DEBIAN_FRONTEND=noninteractive chroot "$root_folder" dpkg --purge kdocs-queued > /dev/null 2>&1 || true
  rm -rf "$root_folder/var/lib/kdocs-queued"
}

# inside COMMAND...: runs it in the container, as root.
inside() {
  nsenter --target "$container" --all --wdns=/ env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"
}

booted() {
  container=$(pgrep -o -P "$nspawn") || return 1
  [[ $(inside systemctl is-system-running 2> /dev/null) =~ ^(running|degraded)$ ]]
}

# boot CONSOLE-FILE: the container has a loopback and no other network.
boot() {
  systemd-nspawn --quiet --boot --register=no "${keep_unit[@]}" --directory="$root_folder" --machine=kdq \
    --private-network --console=pipe < /dev/null > "$1" 2>&1 &
  nspawn=$!
  local tries=600
  until booted; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] && kill -0 "$nspawn" 2> /dev/null || skip "systemd does not boot here: $(tail -n 5 "$1")"
    sleep 0.1
  done
}

# Kills all that runs in it.
shut_down() {
  [ -z "${container:-}" ] || kill -KILL "$container" 2> /dev/null || true
  [ -z "${nspawn:-}" ] || wait "$nspawn" 2> /dev/null || true
}
