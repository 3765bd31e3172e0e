# shellcheck shell=bash
# A virtual machine with its own kernel: User-mode Linux, which needs no KVM.
#
# The kernel comes from Debian testing or unstable (6.16 or newer is needed: older ones fail on
# current CPUs) with its own libc, in a chroot of its own. The guest runs $SUITE's user space.
# Its only network is a tap in the supervisor's network namespace, for ssh.
KERNEL_SUITES=${ASH_TEST_KERNEL_SUITES:-forky sid}
BOOT_SECONDS=180
HOST_ADDRESS=10.0.2.2
GUEST_ADDRESS=10.0.2.15
READY_MARK=ASH-TEST-READY
MODULES="kernel/fs/quota/quota_tree kernel/fs/quota/quota_v2 kernel/drivers/block/loop"

# ---- kernel and image, cached ------------------------------------------------------------------

# build_kernel -> KERNEL: a chroot with linux.uml, its libc and its modules
build_kernel() {
  local suite version package found
  found=$(find "$CACHE" -maxdepth 2 -path '*/uml-*/.ready' | head -1)
  if [ -n "$found" ]; then
    KERNEL=${found%/.ready}
    return
  fi
  for suite in $KERNEL_SUITES; do
    log "fetching User-mode Linux from Debian $suite, once"
    KERNEL=$CACHE/uml.new
    rm -rf "$KERNEL"
    mkdir -p "$KERNEL"/{packages,usr/lib,usr/lib64,usr/bin,proc,dev,vm,image,share}
    fetch_packages "$suite" "$KERNEL/packages" user-mode-linux libc6 libgcc-s1 || continue
    ln -s usr/lib "$KERNEL/lib"
    ln -s usr/lib64 "$KERNEL/lib64"
    for package in "$KERNEL"/packages/*.deb; do
      dpkg --fsys-tarfile "$package" | tar -x -C "$KERNEL" --keep-directory-symlink
    done
    rm -rf "$KERNEL/packages" "${KERNEL:?}/usr/share"
    version=$(ls "$KERNEL/usr/lib/uml/modules")
    if [ "$(printf '%s\n' 6.16 "$version" | sort -V | head -1)" = 6.16 ]; then
      touch "$KERNEL/.ready"
      mv "$KERNEL" "$CACHE/uml-$version"
      KERNEL=$CACHE/uml-$version
      return
    fi
    log "User-mode Linux $version of $suite is too old"
  done
  die "no usable User-mode Linux in: $KERNEL_SUITES (set ASH_TEST_KERNEL_SUITES)"
}

# build_image -> IMAGE: a folder with base.raw, the file system that each VM writes over
build_image() {
  local key
  build_root
  ensure_commands mke2fs:e2fsprogs
  lock_cache
  build_kernel
  key=$(printf '%s' "${KERNEL##*/} ${ROOT##*/} $MODULES $(declare -f inner__image)" | sha256sum | cut -c1-10)
  # shellcheck disable=SC2153 # SUITE is of machine.bash
  IMAGE=$CACHE/vm-$SUITE-$key
  if [ ! -e "$IMAGE/.ready" ]; then
    rm -rf "$IMAGE"
    mkdir -p "$IMAGE/upper" "$IMAGE/work" "$IMAGE/merged"
    unshare --mount --propagation private "$SELF" vm __image "$IMAGE" "$ROOT" "$KERNEL" \
      >"$IMAGE/log" 2>&1 </dev/null 9>&- || {
      tail -15 "$IMAGE/log" >&2
      die "the image could not be built (log: $IMAGE/log)"
    }
    rm -rf "$IMAGE/upper" "$IMAGE/work" "$IMAGE/merged"
    touch "$IMAGE/.ready"
  fi
  unlock_cache
}

inner__image() { # IMAGE ROOT KERNEL, in a private mount namespace
  local merged=$1/merged version module
  mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$merged" ||
    { mount --bind "$1/upper" "$merged" && cp -a "$2/." "$merged/"; }
  rm -f "$merged/etc/systemd/system/ssh.service" "$merged/.ready"
  printf '%s\n' '[Match]' 'Name=eth* vec*' '[Network]' "Address=$GUEST_ADDRESS/24" \
    LinkLocalAddressing=no IPv6AcceptRA=no >"$merged/etc/systemd/network/10-ash-test.network"
  echo 'share /ash-test hostfs ro,nofail 0 0' >"$merged/etc/fstab"
  printf '%s\n' '[Unit]' After=ssh.service Wants=ssh.service '[Service]' Type=oneshot \
    RemainAfterExit=yes "ExecStart=/bin/sh -c 'echo $READY_MARK >/dev/console'" \
    '[Install]' WantedBy=multi-user.target >"$merged/etc/systemd/system/ash-test-ready.service"
  # Its modules are outside of the guest: those for a volume in a file, and for quotas, go in.
  version=$(ls "$3/usr/lib/uml/modules")
  for module in $MODULES; do
    install -D -m 644 -t "$merged/usr/lib/modules/$version/$(dirname "$module")" \
      "$3/usr/lib/uml/modules/$version/$module.ko"
    echo "${module##*/}" >>"$merged/etc/modules-load.d/ash-test.conf"
  done
  cp "$3/usr/lib/uml/modules/$version"/modules.{order,builtin} "$merged/usr/lib/modules/$version/" 2>/dev/null || true
  chroot "$merged" depmod "$version"
  chroot "$merged" systemctl enable ssh.service systemd-networkd.service ash-test-ready.service
  truncate -s 8G "$1/base.raw"
  mke2fs -q -t ext4 -F -L root -E lazy_itable_init=1,lazy_journal_init=1,nodiscard -d "$merged" "$1/base.raw"
}

# ---- inside: the supervisor -------------------------------------------------------------------

inner__supervise() { # RUN : process 1 of the namespaces; the VM's kernel is its child
  RUN=$1
  load_config
  supervisor_mounts
  local chroot=$RUN/chroot node boot
  mkdir -p "$chroot"
  mount --bind "$KERNEL" "$chroot"
  mount --bind "$RUN" "$chroot/vm"
  mount --bind "$IMAGE" "$chroot/image"
  [ -z "$SHARE" ] || mount --bind "$SHARE" "$chroot/share"
  mount -t proc proc "$chroot/proc"
  mount -t tmpfs -o mode=755 tmpfs "$chroot/dev"
  mkdir -p "$chroot/dev/net" "$chroot/dev/shm"
  for node in null zero full random urandom tty net/tun; do
    touch "$chroot/dev/$node"
    mount --bind "/dev/$node" "$chroot/dev/$node"
  done
  mount -t tmpfs -o "mode=1777,size=$((MEMORY + 512))m" tmpfs "$chroot/dev/shm"
  ip tuntap add dev tap0 mode tap
  ip address add "$HOST_ADDRESS/24" dev tap0
  ip link set tap0 up
  for ((boot = 1; boot <= 50; boot++)); do
    # Pinned to one CPU: the guest has one, and hands it to and fro between its processes by
    # futex, which across two host CPUs is up to ten times slower.
    # Its name is one that does not exist: to reboot, it executes itself with the tap still
    # open, which fails; so it ends instead, and a clean one starts here.
    # shellcheck disable=SC2016 # perl expands it
    taskset -c "$CPU" unshare --pid --fork --kill-child=KILL perl -e '
      chroot shift or die "chroot: $!"; chdir "/";
      $ENV{TMPDIR} = "/dev/shm"; $ENV{HOME} = "/vm";
      my $child = fork // die "fork: $!";
      if (!$child) { exec { "/usr/bin/linux.uml" } "uml-reboot", @ARGV; die "exec: $!" }
      waitpid $child, 0; exit($? ? 1 : 0)' "$chroot" \
      mem="${MEMORY}M" ubd0=/vm/disk.cow,/image/base.raw root=/dev/ubda umid=vm uml_dir=/vm/uml/ \
      hostfs=/share seccomp=auto vec0:transport=tap,ifname=tap0,depth=64,gro=1 \
      con=null con0=null,fd:1 con1=null ssl=null \
      rw quiet audit=0 systemd.show_status=0 panic=5 "systemd.hostname=$NAME" "systemd.machine_id=$MACHINE_ID" \
      </dev/null >"$RUN/boot.log" 2>&1 || true
    cat "$RUN/boot.log" >>"$RUN/console.log"
    if [ -e "$RUN/unplugged" ]; then
      rm "$RUN/unplugged"
    else
      grep -aq 'Failed to exec kernel' "$RUN/boot.log" || break
    fi
  done
}

# ---- verbs ------------------------------------------------------------------------------------

# shellcheck disable=SC2029 # the words are quoted for the other side
guest() {
  local pid
  pid=$(alive "$RUN/supervisor") || die "VM '$NAME' is not running"
  nsenter -t "$pid" -n ssh -F none -i "$CACHE/ssh_key" -o "ControlPath=$RUN/ssh" \
    -o ControlMaster=auto -o ControlPersist=yes -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes -o ConnectTimeout=5 \
    -o ServerAliveInterval=10 -o ServerAliveCountMax=6 "root@$GUEST_ADDRESS" "$(printf '%q ' "$@")"
}

# wait_ready : the console shows the mark of this boot, and ssh answers.
wait_ready() {
  if wait_until $BOOT_SECONDS marked_or_dead && wait_until 30 guest true; then
    return 0
  fi
  tail -15 "$RUN/boot.log" >&2
  tail -5 "$RUN/supervisor.log" >&2
  machine_down
  die "'$NAME' did not boot"
}
marked_or_dead() { grep -aq "$READY_MARK" "$RUN/boot.log" || gone "$RUN/supervisor"; }

machine_up() {
  [ "$(uname -m)" = x86_64 ] || die "User-mode Linux exists for x86_64 only"
  [ -c /dev/net/tun ] || die "this host has no /dev/net/tun"
  [ ${#RUN} -lt 80 ] || die "$RUN is too long for a unix socket; set ASH_TEST_CACHE"
  ensure_commands unshare:util-linux nsenter:util-linux ssh:openssh-client ip:iproute2 perl:perl-base
  build_image
  local cpus
  cpus=$(nproc)
  CPU=$((RANDOM % cpus))
  MACHINE_ID=$(tr -d - </proc/sys/kernel/random/uuid)
  save_config NAME SUITE SHARE MEMORY KERNEL IMAGE CPU MACHINE_ID
  start_supervisor
  wait_ready
}

machine_exec() { guest "$@"; }

machine_reboot() {
  guest 'systemctl' 'reboot' >/dev/null 2>&1 || true
  # shellcheck disable=SC2317 # called by wait_until
  halted() { ! grep -aq "$READY_MARK" "$RUN/boot.log"; }
  wait_until $BOOT_SECONDS halted || die "'$NAME' did not go down"
  rm -f "$RUN/ssh"
  wait_ready
}

# The kernel is killed where it stands: what it had not written to its disk is gone.
machine_unplug() {
  local pid
  pid=$(alive "$RUN/supervisor") || die "VM '$NAME' is not running"
  touch "$RUN/unplugged"
  pkill -KILL --parent "$pid" unshare || die "'$NAME' has no process"
  # shellcheck disable=SC2317 # called by wait_until
  restarted() { [ ! -e "$RUN/unplugged" ] && ! grep -aq "$READY_MARK" "$RUN/boot.log"; }
  wait_until $BOOT_SECONDS restarted || die "'$NAME' was not switched on again"
  rm -f "$RUN/ssh"
  wait_ready
}

machine_down() {
  [ -d "$RUN" ] || return 0
  ssh -F none -o "ControlPath=$RUN/ssh" -O exit "root@$GUEST_ADDRESS" >/dev/null 2>&1 || true
  stop_supervisor
  rm -rf --one-file-system "$RUN"
}
