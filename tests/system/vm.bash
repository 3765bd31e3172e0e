# shellcheck shell=bash
# A virtual machine with its own kernel: User-mode Linux, which needs no KVM.
#
# The kernel comes from Debian testing or unstable (6.16 or newer is needed: older ones fail on
# current CPUs) with its own libc, in a chroot of its own.
KERNEL_SUITES=${ASH_TEST_KERNEL_SUITES:-forky sid}
BOOT_SECONDS=180
# shellcheck source=virtual.bash
. "$HERE/virtual.bash"

need_kernel() { [ "$(uname -m)" = x86_64 ] || die "User-mode Linux exists for x86_64 only"; }

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

# lay_in_kernel ROOT : its modules are outside of the guest: those for a volume in a file, and for quotas, go in.
lay_in_kernel() {
  local version module
  echo 'share /ash-test hostfs ro,nofail 0 0' >"$1/etc/fstab"
  version=$(ls "$KERNEL/usr/lib/uml/modules")
  for module in kernel/fs/quota/quota_tree kernel/fs/quota/quota_v2 kernel/drivers/block/loop; do
    install -D -m 644 -t "$1/usr/lib/modules/$version/$(dirname "$module")" \
      "$KERNEL/usr/lib/uml/modules/$version/$module.ko"
    echo "${module##*/}" >>"$1/etc/modules-load.d/ash-test.conf"
  done
  cp "$KERNEL/usr/lib/uml/modules/$version"/modules.{order,builtin} "$1/usr/lib/modules/$version/" 2>/dev/null || true
  chroot "$1" depmod "$version"
}

# ---- inside: the supervisor -------------------------------------------------------------------

prepare_kernel() {
  local chroot=$RUN/chroot node cpus
  cpus=$(nproc)
  CPU=$((RANDOM % cpus))
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
}

boot_kernel() { # ARGUMENT... of the kernel
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
    waitpid $child, 0; exit($? ? 1 : 0)' "$RUN/chroot" \
    mem="${MEMORY}M" ubd0=/vm/disk.cow,/image/base.raw root=/dev/ubda umid=vm uml_dir=/vm/uml/ \
    hostfs=/share seccomp=auto vec0:transport=tap,ifname=tap0,depth=64,gro=1 \
    con=null con0=null,fd:1 con1=null ssl=null audit=0 "$@"
}
reboots() { grep -aq 'Failed to exec kernel' "$RUN/boot.log"; }
