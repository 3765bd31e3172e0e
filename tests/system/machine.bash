# shellcheck shell=bash
# What containers and VMs share: host packages, the guest's root file system, supervisors.
#
# Everything is below $CACHE: downloads and images, and run/ with one folder per live machine.
# Outside of it there are only private namespaces and, for containers, cgroups below the
# caller's own. All of that ends with `down`.
umask 022
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
unset LD_PRELOAD LD_LIBRARY_PATH TMPDIR

CACHE=${ASH_TEST_CACHE:-/var/tmp/ash-test}
# The guest: Debian's bookworm (systemd 252) and trixie (257), Ubuntu's jammy (249) and noble (255).
SUITE=${ASH_TEST_SUITE:-bookworm}
UBUNTU_MIRROR=${ASH_TEST_UBUNTU_MIRROR:-http://archive.ubuntu.com/ubuntu}
# Debian has no package of Ubuntu's keys: theirs, known by its digest.
UBUNTU_KEYS=pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb
UBUNTU_KEYS_SHA256=36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8
UBUNTU_KEYRING=$CACHE/ubuntu-keys/usr/share/keyrings/ubuntu-archive-keyring.gpg
GUEST_PACKAGES=systemd,systemd-sysv,dbus,udev,procps,iproute2,curl,jq,ca-certificates,bubblewrap,openssh-server,kmod,e2fsprogs
APT_TRIES=3 # a mirror's hiccup must not fail a test run

log() { printf '[machine] %s\n' "$*" >&2; }
die() {
  printf '[machine] error: %s\n' "$*" >&2
  exit 1
}

need_host() {
  [ "$(id -u)" = 0 ] || die "must run as root"
  command -v apt-get >/dev/null || die "needs a Debian host (apt-get)"
  mkdir -p "$CACHE/run"
}

# wait_until SECONDS COMMAND... : asks 20 times a second.
wait_until() {
  local end=$(($(date +%s) + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.05
  done
}

# ---- host packages ----------------------------------------------------------------------------

# ensure_commands COMMAND:PACKAGE... : installs what is missing, upgrades nothing.
ensure_commands() {
  local missing=() entry try
  for entry in "$@"; do
    command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  log "installing ${missing[*]} with apt (the test machines need them)"
  for ((try = 1; try <= APT_TRIES; try++)); do
    if { apt-get -qq update && apt-get -qq -y -o DPkg::Lock::Timeout=300 \
      install --no-install-recommends "${missing[@]}"; } >"$CACHE/apt-install.log" 2>&1; then
      return 0
    fi
    sleep "$try"
  done
  tail -5 "$CACHE/apt-install.log" >&2
  die "apt-get install ${missing[*]} failed"
}

# The Debian mirror that this host's own apt uses.
debian_mirror() {
  local mirror=${ASH_TEST_MIRROR:-}
  # shellcheck disable=SC2016 # apt expands it
  [ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' \
    'Created-By: Packages' | awk '$2 == "Debian" && !/security/ {sub(/\/$/, "", $1); print $1; exit}')
  [ -n "$mirror" ] || { apt-get -qq update >/dev/null && mirror=http://deb.debian.org/debian; }
  echo "$mirror"
}

# sources_of SUITE : the lines of its sources.list. Of Ubuntu with the security updates: noble's first bubblewrap
# lacks what Ash needs.
sources_of() {
  case $1 in
    jammy | noble) printf "deb [signed-by=$UBUNTU_KEYRING] $UBUNTU_MIRROR %s main universe\n" "$1" "$1-security" ;;
    *) echo "deb $(debian_mirror) $1 main" ;;
  esac
}

# fetch_packages SUITE FOLDER PACKAGE... : downloads .debs of any suite without touching this
# host's apt state.
fetch_packages() {
  local suite=$1 folder=$2 state=$CACHE/apt-$1 try
  shift 2
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$folder"
  : >"$state/status"
  [[ $suite != @(jammy|noble) ]] || ubuntu_keys
  sources_of "$suite" >"$state/sources.list"
  local options=(-qq -o "Dir::State::Lists=$state/lists" -o "Dir::State::Status=$state/status"
    -o "Dir::Cache=$state/cache" -o "Dir::Etc::SourceList=$state/sources.list"
    -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null
    -o Dir::Etc::PreferencesParts=/dev/null -o Acquire::Languages=none -o APT::Sandbox::User=root)
  for ((try = 1; try <= APT_TRIES; try++)); do
    if apt-get "${options[@]}" update >>"$state/log" 2>&1 &&
      (cd "$folder" && apt-get "${options[@]}" download "$@") >>"$state/log" 2>&1; then
      return 0
    fi
    sleep "$try"
  done
  tail -5 "$state/log" >&2
  return 1
}

# ---- one builder at a time --------------------------------------------------------------------

lock_cache() {
  exec 9>"$CACHE/.lock"
  flock -w 900 9 || die "another build holds $CACHE/.lock"
}
unlock_cache() { exec 9>&-; }

ubuntu_keys() {
  local package=$CACHE/ubuntu-keys.deb
  [ ! -d "$CACHE/ubuntu-keys" ] || return 0
  ensure_commands curl:curl
  { curl --silent --show-error --fail --retry "$APT_TRIES" --output "$package" "$UBUNTU_MIRROR/$UBUNTU_KEYS" &&
    sha256sum --quiet --check <<<"$UBUNTU_KEYS_SHA256  $package"; } || die "Ubuntu's keys could not be fetched"
  dpkg-deb --extract "$package" "$CACHE/ubuntu-keys"
}

# build_root -> ROOT: a pristine guest root file system, shared read-only by all machines.
build_root() {
  local sources key try
  local options=(--variant=minbase --include="$GUEST_PACKAGES" --aptopt='Acquire::Languages "none"')
  [[ $SUITE != @(jammy|noble) ]] || ubuntu_keys
  sources=$(sources_of "$SUITE")
  key=$(printf '%s' "$GUEST_PACKAGES $sources $(declare -f configure_root newer_bubblewrap)" | sha256sum | cut -c1-10)
  ROOT=$CACHE/root-$SUITE-$key
  lock_cache
  if [ ! -e "$ROOT/.ready" ]; then
    ensure_commands mmdebstrap:mmdebstrap ssh-keygen:openssh-client
    log "building the $SUITE root file system, once (about half a minute)"
    for ((try = 1; ; try++)); do
      rm -rf "$ROOT" "$ROOT.new"
      TMPDIR=$CACHE mmdebstrap --mode=root "${options[@]}" "$SUITE" "$ROOT.new" "$sources" \
        >"$CACHE/mmdebstrap.log" 2>&1 && break
      [ "$try" -lt "$APT_TRIES" ] || { tail -15 "$CACHE/mmdebstrap.log" >&2 && die "mmdebstrap failed"; }
      sleep "$try"
    done
    [ -f "$CACHE/ssh_key" ] || ssh-keygen -q -t ed25519 -N '' -C ash-test -f "$CACHE/ssh_key"
    [ "$SUITE" != jammy ] || newer_bubblewrap "$ROOT.new"
    configure_root "$ROOT.new"
    touch "$ROOT.new/.ready"
    mv "$ROOT.new" "$ROOT"
  fi
  unlock_cache
}

# Ash wants bubblewrap 0.8; jammy, which is here for its systemd, has 0.6.
newer_bubblewrap() { # ROOT
  fetch_packages bookworm "$CACHE/bubblewrap" bubblewrap || die "bubblewrap could not be fetched"
  dpkg-deb --extract "$CACHE"/bubblewrap/bubblewrap_*.deb "$1"
}

configure_root() {
  local root=$1 unit
  echo ash-test >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 ash-test\n' >"$root/etc/hosts"
  : >"$root/etc/fstab"
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id" # empty would mean first boot
  mkdir -p "$root/ash-test" "$root/var/log/journal" "$root/root/.ssh" "$root/etc/ssh/sshd_config.d"
  chmod 700 "$root/root/.ssh"
  cp "$CACHE/ssh_key.pub" "$root/root/.ssh/authorized_keys"
  printf '%s\n' 'UsePAM no' 'UseDNS no' 'PermitRootLogin prohibit-password' \
    >"$root/etc/ssh/sshd_config.d/ash-test.conf"
  for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer man-db.timer getty@tty1.service console-getty.service \
    serial-getty@ttyS0.service ssh.service ssh.socket; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
  done
}

# ---- processes, remembered as "PID STARTTIME" so that a reused pid is never taken for ours -----

# stamp PID [PROC] : prints "PID STARTTIME".
stamp() {
  local stat
  stat=$(cat "${2:-/proc}/$1/stat" 2>/dev/null) || return 1
  stat=${stat##*) }
  # shellcheck disable=SC2086 # split into fields; the first is the process's state
  set -- "$1" $stat
  [ "$2" != Z ] && echo "$1 ${21}"
}
# alive FILE : prints the pid if that very process still lives.
alive() {
  local pid start
  read -r pid start 2>/dev/null <"$1" && [ "$(stamp "$pid")" = "$pid $start" ] && echo "$pid"
}
gone() { ! alive "$1" >/dev/null; }
kill_stamped() {
  local pid
  pid=$(alive "$1") || return 0
  kill -KILL "$pid" 2>/dev/null || true
  wait_until 10 gone "$1" || die "could not kill process $pid"
}

# ---- supervisors ------------------------------------------------------------------------------

# start_supervisor : runs `machine KIND __supervise RUN` as process 1 of new pid, mount and
# network namespaces. When it dies, the kernel ends everything below it.
start_supervisor() {
  setsid unshare --pid --mount --net --propagation private --fork --kill-child=KILL \
    "$SELF" "$KIND" __supervise "$RUN" >"$RUN/supervisor.log" 2>&1 </dev/null 9>&- &
  disown
  if ! wait_until 10 test -s "$RUN/supervisor"; then
    cat "$RUN/supervisor.log" >&2
    die "the supervisor did not start"
  fi
}
# For the supervisor: a /proc of its own pid namespace; the host's stays at $RUN/hostproc.
supervisor_mounts() {
  local pid
  mkdir -p "$RUN/hostproc"
  mount --bind "$RUN" "$RUN"
  mount --make-private "$RUN"
  mount --bind /proc "$RUN/hostproc"
  mount -t proc proc /proc
  read -r pid _ <"$RUN/hostproc/self/stat"
  stamp "$pid" "$RUN/hostproc" >"$RUN/supervisor.new"
  mv "$RUN/supervisor.new" "$RUN/supervisor"
}
stop_supervisor() { kill_stamped "$RUN/supervisor"; }

save_config() { # VARIABLE... ; the run's owner is the process that asked for the machine
  mkdir -p "$RUN"
  stamp "${ASH_TEST_OWNER:-$PPID}" >"$RUN/owner" || true
  local name
  for name in "$@"; do printf '%s=%q\n' "$name" "${!name}"; done >"$RUN/config"
}
load_config() {
  # shellcheck disable=SC2153 # NAME is of the command line
  [ -f "$RUN/config" ] || die "there is no $KIND '$NAME'"
  # shellcheck source=/dev/null
  . "$RUN/config"
}

# Ends machines whose owner is gone: a test run that was killed leaves nothing for ever.
sweep() {
  local run name
  for run in "$CACHE"/run/*/; do
    [ -f "$run/owner" ] || continue
    gone "$run/owner" || continue
    name=$(basename "$run")
    "$SELF" "${name%%-*}" down "${name#*-}"
  done
}
