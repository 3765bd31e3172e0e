# shellcheck shell=bash
# What a kernel proves that is as everybody has it: AppArmor, pressure on memory, Landlock, namespaces that are
# restricted.

PROFILE=/etc/apparmor.d/ash-sandbox
RESTRICTS=/proc/sys/kernel/apparmor_restrict_unprivileged_userns

_needs_such_a_kernel() { emulated || skip "only the emulated machine has such a kernel for itself"; }
_needs_our_profiles() {
  _needs_such_a_kernel
  [ -e /etc/apparmor.d/abi/4.0 ] || skip "AppArmor of this release knows no namespaces, and restricts none"
}

nothing_is_degraded_on_a_kernel_of_its_own() {
  own_kernel || skip "the container has its host's kernel"
  local told
  told=$(ashctl doctor 2>&1) || fail "$told"
  equal "" "$(health | jq -r '.isolation.degraded | join(" ")')" "what is degraded"
}

every_process_of_a_sandbox_is_under_our_profiles() {
  _needs_our_profiles
  local session pid told
  told=$(aa-status --json)
  equal "enforce enforce" "$(jq -r '.profiles | "\(.["ash-sandbox"]) \(.["ash-payload"])"' <<<"$told")" "the profiles"
  session=$(new_session)
  ask "$session" '[[say:up]]' >/dev/null
  for pid in $(processes_of "$session"); do
    told="$(cat "/proc/$pid/comm") $(cat "/proc/$pid/attr/apparmor/current")"
    case $told in
      bwrap*) contains "$told" "ash-sandbox" ;;
      *) [[ $told == *" ash-payload//&ash-sandbox (enforce)" ]] || fail "$told" ;;
    esac
  done
  contains "$(in_sandbox "$session" 'cat /proc/self/attr/apparmor/current')" "ash-payload//&ash-sandbox (enforce)" "its tools"
}

# Each is done without the profile first, so that it is the profile that refuses.
the_profile_of_the_payload_refuses_by_itself() {
  _needs_our_profiles
  local try
  for try in 'mount -t tmpfs none /mnt && umount /mnt' 'unshare --mount true' 'unshare --user true' 'chown 1 /run/ash-case.own && chown 0 /run/ash-case.own'; do
    touch /run/ash-case.own
    sh -c "$try" || fail "without the profile: $try"
    if aa-exec --profile=ash-payload -- sh -c "$try" 2>/dev/null; then fail "under the profile: $try"; fi
  done
}

a_kernel_that_restricts_namespaces_wants_our_profiles() {
  _needs_our_profiles
  [ "$(cat $RESTRICTS 2>/dev/null)" = 1 ] || skip "this kernel restricts no namespaces"
  local told
  trap 'apparmor_parser --replace $PROFILE; clean_up' EXIT # or no case behind this one has a sandbox
  apparmor_parser --remove $PROFILE
  told=$(ashctl session create hello 2>&1) && fail "a sandbox started: $told"
  apparmor_parser --replace $PROFILE
  contains "$told" "apparmor_parser -r /etc/apparmor.d" "what is said of it"
  contains "$(ask "$(new_session)" '[[say:again]]')" again "with them"
}

a_host_that_lets_nobody_make_namespaces_is_told_so() {
  _needs_such_a_kernel
  local told
  before=$(sysctl --values user.max_user_namespaces)
  trap 'sysctl --quiet --write "user.max_user_namespaces=$before"; clean_up' EXIT
  sysctl --quiet --write user.max_user_namespaces=0
  told=$(ashctl session create hello 2>&1) && fail "a sandbox started: $told"
  sysctl --quiet --write "user.max_user_namespaces=$before"
  contains "$told" "user.max_user_namespaces"
  contains "$(ask "$(new_session)" '[[say:again]]')" again "afterwards"
}

a_program_in_a_sandbox_shuts_itself_in_with_landlock() {
  _needs_such_a_kernel
  local session told
  session=$(new_session)
  # landlock_create_ruleset for all that reads a file, and landlock_restrict_self; no rule allows any.
  cat >/run/ash-case.pl <<'PERL'
sub readable { open(my $file, "<", "/workspace/CLAUDE.md") ? "readable" : "closed: $!" }
print readable(), "\n";
my $handled = pack("Q", 1 << 2);
my $rules = syscall(444, $handled, 8, 0);
die "create: $!" if $rules < 0;
die "restrict: $!" if syscall(446, $rules, 0);
print readable(), "\n";
PERL
  ashctl session put "$session" /run/ash-case.pl landlock.pl >/dev/null
  told=$(ashctl session exec "$session" -n -- perl /workspace/landlock.pl)
  equal "readable
closed: Permission denied" "$told" "before and after"
}

new_sandboxes_wait_while_memory_is_short() {
  _needs_such_a_kernel
  local waiting told began
  drop_in=/etc/ash/ash.toml.d/zz-case.toml # the trap needs it behind this function, too
  trap 'systemctl stop ash-case-hog || true; rm -f $drop_in; systemctl reload ashd.service; clean_up' EXIT
  began=$(date '+%Y-%m-%d %H:%M:%S')
  # It wants more than it may hold, and is held up for it: the kernel counts that as time lost to a want of memory.
  systemd-run --quiet --unit=ash-case-hog --property=MemoryHigh=16M --property=MemorySwapMax=0 \
    sh -c 'head -c 400M /dev/zero | tail'
  _short() { [ -n "$(journalctl --no-pager --quiet -u ashd.service --since "$began" "ASH_HIGH=$1")" ]; }
  within 20 _short true
  printf '[sandbox]\nwait_seconds = 1\n' >$drop_in
  systemctl reload ashd.service
  told=$(ashctl session create hello 2>&1) && fail "a sandbox started: $told"
  contains "$told" memory "the refusal"
  printf '[sandbox]\nwait_seconds = 300\n' >$drop_in
  systemctl reload ashd.service
  new_session >/run/ash-case.waited 2>&1 &
  waiting=$!
  systemctl stop ash-case-hog
  wait $waiting || fail "it was refused: $(cat /run/ash-case.waited)"
  _short false || fail "it did not wait"
  contains "$(ask "$(cat /run/ash-case.waited)" '[[say:after all]]')" "after all"
}
