# shellcheck shell=bash
# A container: systemd as process 1 in namespaces of this host's kernel.
#
# In every cgroup hierarchy of the host one group is made below the caller's own, and in it
# `supervisor` and `payload`. The payload's is the root of the container's cgroup namespace; the
# supervisor stays outside of it, because a process from outside the pid namespace would show
# there as pid 0, which systemd does not bear.
BOOT_SECONDS=60
TASKS=8192 # of the whole container, so that a broken fork-bomb case does not take the host

# ---- cgroups ----------------------------------------------------------------------------------

# Prints "CONTROLLERS FOLDER" for each hierarchy of the calling process.
own_cgroups() {
  local id controllers path mount
  if [ -n "${ASH_TEST_SCOPE:-}" ]; then # the delegated scope of our own, see machine_up
    echo "v2 $ASH_TEST_SCOPE"
    return
  fi
  while IFS=: read -r id controllers path; do
    [ "$path" != / ] || path=
    if [ "$id" = 0 ]; then
      controllers=v2
      mount=$(awk '/ - cgroup2 / {print $5; exit}' /proc/self/mountinfo)
    else
      mount=$(awk -v wanted="$controllers" '{
        split(substr($0, index($0, " - ") + 3), fs, " ")
        if (fs[1] == "cgroup" && index("," fs[3] ",", "," wanted ",")) {print $5; exit}
      }' /proc/self/mountinfo)
    fi
    [ -z "$mount" ] || [ ! -d "$mount$path" ] || echo "$controllers $mount$path"
  done </proc/self/cgroup
}

hand_down_controllers() { # CGROUP : every v2 controller it has, to its children
  local controllers controller
  read -r -a controllers <"$1/cgroup.controllers" || true # there may be none
  for controller in "${controllers[@]}"; do
    echo "+$controller" >"$1/cgroup.subtree_control" || true
  done 2>/dev/null
}

make_cgroups() {
  local controllers parent group
  : >"$RUN/cgroups"
  while read -r controllers parent; do
    group=$parent/ash-test-$NAME
    echo "$group" >>"$RUN/cgroups"
    [ -z "${ASH_TEST_SCOPE:-}" ] || hand_down_controllers "$parent"
    mkdir -p "$group"
    case ,$controllers, in
      *,cpuset,*)
        cat "$parent/cpuset.cpus" >"$group/cpuset.cpus"
        cat "$parent/cpuset.mems" >"$group/cpuset.mems"
        echo 1 >"$group/cgroup.clone_children"
        ;;
      *,memory,*) echo "$((MEMORY * 2))M" >"$group/memory.limit_in_bytes" ;;
      *,pids,*) echo "$TASKS" >"$group/pids.max" ;;
      ,v2,)
        [ ! -e "$group/memory.max" ] || echo "$((MEMORY * 2))M" >"$group/memory.max"
        [ ! -e "$group/pids.max" ] || echo "$TASKS" >"$group/pids.max"
        hand_down_controllers "$group"
        ;;
    esac
    mkdir -p "$group/supervisor" "$group/payload"
  done < <(own_cgroups)
  grep -q ' - cgroup2 ' /proc/self/mountinfo || die "this host has no cgroup2 mount"
}

join_cgroups() { # supervisor|payload : moves the calling shell
  local group
  while read -r group; do
    echo 0 >"$group/$1/cgroup.procs" || die "cannot join $group/$1"
  done <"$RUN/cgroups"
}

# A fresh payload for each boot: v2 refuses processes in a group that has handed controllers on.
renew_payload() {
  local group
  while read -r group; do
    find "$group/payload" -depth -type d -exec rmdir {} + 2>/dev/null || true
    mkdir -p "$group/payload"
  done <"$RUN/cgroups"
}

remove_cgroups() { # after the supervisor's end; whatever is left in them is killed
  [ -f "$RUN/cgroups" ] || return 0
  wait_until 10 cgroups_removed || die "could not remove the cgroups of '$NAME'"
}
cgroups_removed() {
  local group pid left=0
  while read -r group; do
    [ -d "$group" ] || continue
    while read -r pid; do
      [ "$pid" = 0 ] || kill -KILL "$pid" || true
    done < <(find "$group" -name cgroup.procs -exec cat {} +)
    find "$group" -depth -type d -exec rmdir {} \; || true
    [ ! -d "$group" ] || left=1
  done <"$RUN/cgroups"
  [ $left = 0 ]
}

# ---- inside: supervisor and init --------------------------------------------------------------

inner__supervise() { # RUN : process 1 of the outer namespaces
  RUN=$1
  load_config
  join_cgroups supervisor
  supervisor_mounts
  local boot status
  for ((boot = 1; boot <= 50; boot++)); do
    rm -f "$RUN/init"
    renew_payload
    status=0
    unshare --pid --uts --ipc --mount --propagation private --fork --kill-child=KILL \
      "$SELF" container __init "$RUN" </dev/null || status=$?
    echo "boot $boot ended with $status"
    [ $status = 129 ] || break # a reboot ends a pid namespace's init with SIGHUP
  done
}

inner__init() { # RUN : process 1 of the container, still in the host's file system
  RUN=$1
  load_config
  join_cgroups payload
  local pid
  read -r pid _ <"$RUN/hostproc/self/stat" # its pid as the host counts
  exec unshare --cgroup "$SELF" container __boot "$RUN" "$pid"
}

inner__boot() { # RUN HOSTPID
  RUN=$1
  load_config
  local root=$RUN/root node
  # shellcheck disable=SC2153 # ROOT is of the configuration
  if ! mount -t overlay overlay -o "lowerdir=$ROOT,upperdir=$RUN/disk/upper,workdir=$RUN/disk/work" "$root" 2>/dev/null; then
    if [ ! -d "$RUN/disk/copy/usr" ]; then # no overlay on this file system: a full copy, once
      cp -a --reflink=auto "$ROOT/." "$RUN/disk/copy/"
      cp -a "$RUN/disk/upper/." "$RUN/disk/copy/"
    fi
    mount --bind "$RUN/disk/copy" "$root"
  fi
  mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
  mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
  for node in null zero full random urandom tty; do
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
  done
  ln -s /proc/self/fd "$root/dev/fd"
  ln -s fd/0 "$root/dev/stdin"
  ln -s fd/1 "$root/dev/stdout"
  ln -s fd/2 "$root/dev/stderr"
  ln -s pts/ptmx "$root/dev/ptmx"
  mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
  mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$root/dev/shm"
  mount -t mqueue mqueue "$root/dev/mqueue"
  mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs "$root/run"
  mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$root/tmp"
  if [ -n "$SHARE" ]; then
    mount --bind "$SHARE" "$root/ash-test"
    mount -o remount,bind,ro "$root/ash-test"
  fi
  # The host's kernel settings stay the host's: read-only, no sysrq, no kernel log. But for
  # `user`, which belongs to the user namespace of whoever opens it; bubblewrap writes there.
  mount --bind "$root/proc/sys" "$root/proc/sys"
  mount -o remount,bind,ro "$root/proc/sys"
  mount --bind "$root/proc/sys/user" "$root/proc/sys/user"
  mount -o remount,bind,rw "$root/proc/sys/user"
  for node in kmsg sysrq-trigger kcore; do
    [ ! -e "$root/proc/$node" ] || mount --bind /dev/null "$root/proc/$node"
  done
  # A second procfs with nothing masked: without one the kernel refuses /proc to a user
  # namespace. It lies where a unit's ProtectSystem= and PrivateDevices= leave it alone.
  mount -t proc -o nosuid,nodev,noexec proc "$root/proc/tty/driver"
  hostname "$NAME"
  mkdir -p "$root/run/host/old"
  cd "$root" || exit
  pivot_root . run/host/old
  cd /
  stamp "$2" "/run/host/old$RUN/hostproc" >"/run/host/old$RUN/init"
  # Shared, as on a machine: systemd leaves this to who made the container, and a unit's
  # credentials are mounted from a namespace beside it.
  exec env -i container=ash-test PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LANG=C.UTF-8 \
    sh -c 'umount -l /run/host/old && rmdir /run/host/old; mount --make-rshared /; exec /lib/systemd/systemd'
}

# ---- verbs ------------------------------------------------------------------------------------

enter() ( # in the container's namespaces and cgroups; a subshell, because it moves itself there
  pid=$(alive "$RUN/init") || die "container '$NAME' is not running"
  while read -r group; do
    { echo 0 >"$group/payload/init.scope/cgroup.procs" || echo 0 >"$group/payload/cgroup.procs" || true; } 2>/dev/null
  done <"$RUN/cgroups"
  exec nsenter -t "$pid" -m -u -i -n -p -C env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
)
booted() {
  local state
  state=$(enter timeout 5 systemctl is-system-running 2>/dev/null || true)
  [ "$state" = running ] || [ "$state" = degraded ]
}

machine_up() {
  ensure_commands unshare:util-linux nsenter:util-linux
  build_root
  mkdir -p "$RUN/root" "$RUN/disk/upper/etc" "$RUN/disk/work" "$RUN/disk/copy"
  echo "$NAME" >"$RUN/disk/upper/etc/hostname"
  tr -d - </proc/sys/kernel/random/uuid >"$RUN/disk/upper/etc/machine-id"
  save_config NAME SUITE ROOT SHARE MEMORY
  if [ -d /run/systemd/system ]; then # this host runs systemd: take a delegated scope of our own
    exec systemd-run --quiet --scope --collect -p Delegate=yes --unit="ash-test-$NAME" \
      "$SELF" container __up_in_scope "$RUN"
  fi
  boot_up
}
inner__up_in_scope() {
  RUN=$1
  load_config
  ASH_TEST_SCOPE=$(awk '/ - cgroup2 / {print $5; exit}' /proc/self/mountinfo)$(sed -n 's/^0:://p' /proc/self/cgroup)
  mkdir -p "$ASH_TEST_SCOPE/caller" # a group that hands controllers down may hold no process
  echo $$ >"$ASH_TEST_SCOPE/caller/cgroup.procs"
  boot_up
}
boot_up() {
  make_cgroups
  start_supervisor
  if ! wait_until $BOOT_SECONDS booted; then
    tail -20 "$RUN/supervisor.log" >&2
    machine_down
    die "'$NAME' did not boot within $BOOT_SECONDS s"
  fi
}

# In a scope of its own: the right cgroup, and what it leaves running survives it.
machine_exec() { enter systemd-run --quiet --scope --collect -- "$@"; }

# A program of this host, with its files and its user, that finds what the machine's programs listen on.
machine_beside() {
  local pid
  pid=$(alive "$RUN/init") || die "container '$NAME' is not running"
  exec nsenter -t "$pid" -n "$@"
}

machine_reboot() {
  local before
  before=$(cat "$RUN/init")
  enter systemctl reboot >/dev/null 2>&1 || true
  # shellcheck disable=SC2317 # called by wait_until
  rebooted() { [ -s "$RUN/init" ] && [ "$(cat "$RUN/init")" != "$before" ]; }
  { wait_until $BOOT_SECONDS rebooted && wait_until $BOOT_SECONDS booted; } || die "'$NAME' did not come back"
}

machine_down() {
  [ -d "$RUN" ] || return 0
  stop_supervisor
  remove_cgroups 2>/dev/null
  rm -rf --one-file-system "$RUN"
}
