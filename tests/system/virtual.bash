# shellcheck shell=bash
# What machines with a kernel of their own share: the image of their disk, their supervisor, the verbs.
#
# vm.bash and qemu.bash tell what the kernel is: need_kernel, build_kernel, lay_in_kernel, prepare_kernel,
# boot_kernel, reboots. The guest runs $SUITE's user space. Its only network is a tap in the supervisor's
# network namespace, for ssh.
HOST_ADDRESS=10.0.2.2
GUEST_ADDRESS=10.0.2.15
READY_MARK=ASH-TEST-READY
BOOTS_MAX=50 # of one machine

# ---- image, cached -----------------------------------------------------------------------------

# build_image -> IMAGE: a folder with base.raw, the file system that each machine writes over
build_image() {
  local key
  build_root
  ensure_commands mke2fs:e2fsprogs
  lock_cache
  build_kernel
  key=$(printf '%s' "${KERNEL##*/} ${ROOT##*/} $(declare -f inner__image lay_in_kernel)" | sha256sum | cut -c1-10)
  # shellcheck disable=SC2153 # SUITE is of machine.bash
  IMAGE=$CACHE/$KIND-$SUITE-$key
  if [ ! -e "$IMAGE/.ready" ]; then
    rm -rf "$IMAGE"
    mkdir -p "$IMAGE/upper" "$IMAGE/work" "$IMAGE/merged"
    unshare --mount --propagation private "$SELF" "$KIND" __image "$IMAGE" "$ROOT" "$KERNEL" \
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
  IMAGE=$1 KERNEL=$3
  local merged=$IMAGE/merged
  mount -t overlay overlay -o "lowerdir=$2,upperdir=$IMAGE/upper,workdir=$IMAGE/work" "$merged" ||
    { mount --bind "$IMAGE/upper" "$merged" && cp -a "$2/." "$merged/"; }
  # Ubuntu's ssh wants its socket, which is masked here.
  rm -rf "$merged/etc/systemd/system/ssh.service" "$merged/etc/systemd/system/ssh.service.requires" "$merged/.ready"
  printf '%s\n' '[Match]' 'Name=en* eth* vec*' '[Network]' "Address=$GUEST_ADDRESS/24" \
    LinkLocalAddressing=no IPv6AcceptRA=no >"$merged/etc/systemd/network/10-ash-test.network"
  printf '%s\n' '[Unit]' After=ssh.service Wants=ssh.service '[Service]' Type=oneshot \
    RemainAfterExit=yes "ExecStart=/bin/sh -c 'echo $READY_MARK >/dev/console'" \
    '[Install]' WantedBy=multi-user.target >"$merged/etc/systemd/system/ash-test-ready.service"
  lay_in_kernel "$merged"
  chroot "$merged" systemctl enable ssh.service systemd-networkd.service ash-test-ready.service
  truncate -s 8G "$IMAGE/base.raw"
  mke2fs -q -t ext4 -F -L root -E lazy_itable_init=1,lazy_journal_init=1,nodiscard -d "$merged" "$IMAGE/base.raw"
}

# ---- inside: the supervisor -------------------------------------------------------------------

inner__supervise() { # RUN : process 1 of the namespaces; the machine's kernel is its child
  RUN=$1
  load_config
  supervisor_mounts
  prepare_kernel
  ip tuntap add dev tap0 mode tap
  ip address add "$HOST_ADDRESS/24" dev tap0
  ip link set tap0 up
  local boot
  for ((boot = 1; boot <= BOOTS_MAX; boot++)); do
    # A kernel that was killed lets go of the tap only when it is gone for good.
    wait_until 30 tap_is_free || true
    boot_kernel rw quiet systemd.show_status=0 panic=5 \
      "systemd.hostname=$NAME" "systemd.machine_id=$MACHINE_ID" </dev/null >"$RUN/boot.log" 2>&1 || true
    cat "$RUN/boot.log" >>"$RUN/console.log"
    if [ -e "$RUN/unplugged" ]; then
      rm "$RUN/unplugged"
    else
      reboots || break
    fi
  done
}

tap_is_free() { ip -o link show dev tap0 | grep -q NO-CARRIER; }

# ---- verbs ------------------------------------------------------------------------------------

# shellcheck disable=SC2029 # the words are quoted for the other side
guest() {
  local pid
  pid=$(alive "$RUN/supervisor") || die "VM '$NAME' is not running"
  nsenter -t "$pid" -n ssh -F none -i "$CACHE/ssh_key" -o "ControlPath=$RUN/ssh" \
    -o ControlMaster=auto -o ControlPersist=yes -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes -o ConnectTimeout=20 \
    -o ServerAliveInterval=10 -o ServerAliveCountMax=6 "root@$GUEST_ADDRESS" "$(printf '%q ' "$@")"
}

# wait_ready : the console shows the mark of this boot, and ssh answers.
wait_ready() {
  if wait_until "$BOOT_SECONDS" marked_or_dead && wait_until 60 answers; then
    return 0
  fi
  tail -15 "$RUN/boot.log" >&2
  tail -5 "$RUN/supervisor.log" >&2
  machine_down
  die "'$NAME' did not boot"
}
answers() (guest true) # which ends with its shell, where the machine is gone
marked_or_dead() { grep -aq "$READY_MARK" "$RUN/boot.log" || gone "$RUN/supervisor"; }

machine_up() {
  [ -c /dev/net/tun ] || die "this host has no /dev/net/tun"
  need_kernel
  [ ${#RUN} -lt 80 ] || die "$RUN is too long for a unix socket; set ASH_TEST_CACHE"
  ensure_commands unshare:util-linux nsenter:util-linux ssh:openssh-client ip:iproute2 perl:perl-base
  build_image
  MACHINE_ID=$(tr -d - </proc/sys/kernel/random/uuid)
  save_config NAME SUITE SHARE MEMORY KERNEL IMAGE MACHINE_ID
  start_supervisor
  wait_ready
}

machine_exec() { guest "$@"; }

machine_reboot() {
  guest 'systemctl' 'reboot' >/dev/null 2>&1 || true
  # shellcheck disable=SC2317 # called by wait_until
  halted() { ! grep -aq "$READY_MARK" "$RUN/boot.log"; }
  wait_until "$BOOT_SECONDS" halted || die "'$NAME' did not go down"
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
  wait_until "$BOOT_SECONDS" restarted || die "'$NAME' was not switched on again"
  rm -f "$RUN/ssh"
  wait_ready
}

machine_down() {
  [ -d "$RUN" ] || return 0
  ssh -F none -o "ControlPath=$RUN/ssh" -O exit "root@$GUEST_ADDRESS" >/dev/null 2>&1 || true
  stop_supervisor
  rm -rf --one-file-system "$RUN"
}
