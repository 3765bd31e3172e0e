# shellcheck shell=bash
# A virtual machine with the kernel that $SUITE gives to everybody, unmodified, on a processor that QEMU emulates.
#
# No KVM is used where there is one: what it runs on must not decide what it proves. It computes ten to twenty
# times slower than its host. AppArmor's tools are installed; of its profiles only those that make the rules
# for all others, because the parser takes a minute for the rest.
BOOT_SECONDS=400
CPUS=2
TRANSLATED_MIB=512 # of translated code that QEMU keeps
# Where QEMU comes from, into a root of its own: that of Debian 12 gets CMPXCHG16B wrong, and kernels die of it.
EMULATOR_SUITE=trixie
# shellcheck source=virtual.bash
. "$HERE/virtual.bash"

need_kernel() {
  [ "$(uname -m)" = x86_64 ] || die "the emulated machine is x86_64, as its programs are"
  ensure_commands mmdebstrap:mmdebstrap xz:xz-utils zstd:zstd
}

# build_emulator -> EMULATOR: a root with QEMU in it
build_emulator() {
  EMULATOR=$CACHE/emulator-$EMULATOR_SUITE
  [ ! -e "$EMULATOR/.ready" ] || return 0
  log "fetching QEMU, once"
  rm -rf "$EMULATOR"
  TMPDIR=$CACHE mmdebstrap --mode=root --variant=minbase --include=qemu-system-x86 --aptopt='Acquire::Languages "none"' \
    --aptopt="Acquire::Retries \"$APT_TRIES\"" "$EMULATOR_SUITE" "$EMULATOR" "$(debian_mirror)" >"$CACHE/mmdebstrap.log" 2>&1 ||
    { tail -15 "$CACHE/mmdebstrap.log" >&2 && die "QEMU could not be fetched"; }
  mkdir "$EMULATOR/vm" "$EMULATOR/image"
  touch "$EMULATOR/.ready"
}

# build_kernel -> KERNEL: a folder with the kernel of $SUITE, its modules, a shell for its start, and AppArmor
build_kernel() {
  build_emulator
  KERNEL=$CACHE/kernel-$SUITE
  [ ! -e "$KERNEL/.ready" ] || return 0
  local package packages=$KERNEL/packages wanted=linux-image-cloud-amd64
  # Ubuntu's for clouds lacks the modules of quotas.
  [[ $SUITE != @(jammy|noble) ]] || wanted=linux-image-generic
  log "fetching the kernel of $SUITE, once"
  rm -rf "$KERNEL"
  mkdir -p "$packages"
  fetch_packages "$SUITE" "$packages" busybox-static apparmor || die "AppArmor or busybox could not be fetched"
  # The first is a name for the newest: it, and what that consists of, is said by what they depend on.
  while [ -n "$wanted" ]; do
    # shellcheck disable=SC2086 # a word each
    fetch_packages "$SUITE" "$packages" $wanted || die "the kernel could not be fetched"
    wanted=$(for package in $wanted; do
      dpkg-deb --field "$packages/${package}"_*.deb Depends | tr ',|' '\n' | grep -oE '^ *linux-(image|modules)-[^ ]+' || true
    done)
  done
  for package in "$packages"/{linux,busybox}-*.deb; do dpkg-deb --extract "$package" "$KERNEL"; done
  # Nothing that an emulated machine has.
  rm -rf "$KERNEL"/{,usr/}lib/modules/*/kernel/{sound,drivers/{gpu,media,net/{ethernet,wireless},infiniband}} \
    "$packages"/linux-*
  touch "$KERNEL/.ready"
}

lay_in_kernel() { # ROOT
  local version modules
  modules=$(find "$KERNEL" -path '*lib/modules/*' -prune)
  version=${modules##*/}
  echo '/dev/vdb /ash-test ext4 ro,nofail 0 0' >"$1/etc/fstab"
  mkdir -p "$1/usr/lib/modules"
  cp -a "$modules" "$1/usr/lib/modules/"
  chroot "$1" depmod "$version"
  mkdir "$1/packages"
  cp "$KERNEL"/packages/apparmor_*.deb "$1/packages/"
  chroot "$1" sh -ec 'dpkg --install --force-depends /packages/*.deb; rm -r /packages
    cd /etc/apparmor.d; find . -maxdepth 1 -type f ! -name unprivileged_userns -delete'
  cp "$KERNEL"/boot/vmlinuz-* "$IMAGE/kernel"
  initial_files "$1" "$version"
}

# initial_files ROOT VERSION : just what it takes to get at the disk
initial_files() {
  local folder=$IMAGE/initrd.d module file
  mkdir -p "$folder"/{bin,dev,disk,modules}
  cp "$(find "$KERNEL" -path '*bin/busybox')" "$folder/bin/busybox"
  : >"$folder/modules/order"
  for module in virtio_pci virtio_blk ext4; do
    chroot "$1" modprobe --set-version "$2" --show-depends "$module"
  done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' | while read -r file; do
    module=$(basename "$file" | sed 's/\.ko\..*/.ko/')
    case $file in
      *.xz) xz -dc "$1$file" ;;
      *.zst) zstd -dcq "$1$file" ;;
      *) cat "$1$file" ;;
    esac >"$folder/modules/$module"
    echo "$module" >>"$folder/modules/order"
  done
  # shellcheck disable=SC2016 # for the shell in there
  printf '%s\n' '#!/bin/busybox sh' 'b=/bin/busybox' '$b mount -t devtmpfs dev /dev' \
    'while read -r module; do $b insmod /modules/$module; done </modules/order' \
    'until [ -b /dev/vda ]; do $b sleep 0.05; done' '$b mount -t ext4 -o rw,noatime /dev/vda /disk' \
    '$b mount --move /dev /disk/dev' 'exec $b switch_root /disk /sbin/init' >"$folder/init"
  chmod +x "$folder/init"
  (cd "$folder" && find . | bin/busybox cpio -o -H newc) >"$IMAGE/initrd"
  rm -r "$folder"
}

# ---- inside: the supervisor -------------------------------------------------------------------

# The share is a disk of its own: the kernels for clouds read no folders of their host.
prepare_kernel() {
  local chroot=$RUN/chroot node
  mkdir -p "$chroot"
  mount --bind "$CACHE/emulator-$EMULATOR_SUITE" "$chroot"
  mount --bind "$RUN" "$chroot/vm"
  mount --bind "$IMAGE" "$chroot/image"
  mount -t tmpfs -o mode=755 tmpfs "$chroot/dev"
  mkdir "$chroot/dev/net"
  for node in null zero random urandom net/tun; do
    touch "$chroot/dev/$node"
    mount --bind "/dev/$node" "$chroot/dev/$node"
  done
  cp --sparse=always "$IMAGE/base.raw" "$RUN/disk.raw"
  [ -n "$SHARE" ] || return 0
  truncate -s "$(($(du -sm "$SHARE" | cut -f1) * 5 / 4 + 64))M" "$RUN/share.raw"
  mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$SHARE" "$RUN/share.raw"
}

# What is not flushed is in the page cache of this host, which outlives the machine: cache=unsafe loses nothing
# that a pulled plug would not.
boot_kernel() { # ARGUMENT... of the kernel
  local share=()
  # shellcheck disable=SC2054 # QEMU's commas
  [ ! -e "$RUN/share.raw" ] || share=(-drive "if=none,id=share,format=raw,readonly=on,file=/vm/share.raw" -device virtio-blk-pci,drive=share)
  unshare --pid --fork --kill-child=KILL chroot "$RUN/chroot" qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
    -machine q35,smm=off,hpet=off -accel "tcg,thread=multi,tb-size=$TRANSLATED_MIB" -cpu max -smp "$CPUS" -m "$MEMORY" \
    -serial stdio -drive "if=none,id=disk,format=raw,cache=unsafe,discard=unmap,file=/vm/disk.raw" \
    -device virtio-blk-pci,drive=disk "${share[@]}" -netdev tap,id=net,ifname=tap0,script=no,downscript=no \
    -device virtio-net-pci,netdev=net,romfile= -device virtio-rng-pci -kernel /image/kernel -initrd /image/initrd \
    -append "$* console=ttyS0 root=/dev/vda nokaslr mitigations=off tsc=reliable"
}
reboots() { grep -aq 'reboot: Restarting system' "$RUN/boot.log"; }
