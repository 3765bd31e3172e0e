# shellcheck shell=bash
# The attacks of tests/sandbox, on a kernel as everybody has it, with its systemd and bubblewrap.

# Of Ubuntu, walls of the host itself: a sandbox with a hole starts without our profile, which the first would keep from
# starting at all; and the second lets nobody trace but their own children, whatever our walls do.
OF_THE_HOST='kernel.apparmor_restrict_unprivileged_userns kernel.yama.ptrace_scope'
FOUGHT_MIN=130 # attacks that are held, and succeed without their wall

# A way out that leads nowhere: what is not sent needs no other, and what asks for one finds it.
_a_way_out() {
  local device
  device=$(ip -o -4 route show 10.0.2.0/24 | sed 's/.* dev \([^ ]*\).*/\1/')
  echo "$device" >/run/ash-case.device
  ip route add default via 10.0.2.2
  ip -6 address add fd00:a5::15/64 dev "$device" nodad
  ip -6 route add default via fd00:a5::2
}
_no_way_out() {
  ip route del default
  ip -6 address del fd00:a5::15/64 dev "$(cat /run/ash-case.device)" # its routes go with it
}

_without_the_hosts_own_walls() {
  local setting
  # shellcheck disable=SC2086 # a word each
  sysctl --ignore $OF_THE_HOST >/run/ash-case.of-the-host
  for setting in $OF_THE_HOST; do sysctl --quiet --ignore --write "$setting=0"; done
}

what_is_attacked_holds_and_falls_without_its_walls() {
  emulated || skip "cargo's own run fights on the kernel of this host"
  local told wrong
  trap 'sysctl --quiet --load=/run/ash-case.of-the-host; _no_way_out; clean_up' EXIT
  _without_the_hosts_own_walls
  _a_way_out
  told=$(ASH_TEST_LIBEXEC=/usr/libexec/ash-test /usr/libexec/ash-test/attacks --test-threads=1 --nocapture fights refusals 2>&1) || true
  wrong=$(grep -E '^[FKNPR][0-9]{2} |panicked' <<<"$told" || true)
  equal "" "$wrong" "what is not as it should be"
  contains "$told" "test result: ok."
  grep -oE '(ok|SKIP:) [FKNPR][0-9]{2} .*' <<<"$told" | sort >/run/ash-case.fights
  [ "$(grep -c '^ok' /run/ash-case.fights)" -ge $FOUGHT_MIN ] || fail "$told"
  echo "# $(grep -c '^ok' /run/ash-case.fights) attacks are held and succeed without their wall; not shown here:"
  sed -n 's/^SKIP: /# /p' /run/ash-case.fights
}
