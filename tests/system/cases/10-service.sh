# shellcheck shell=bash
# The unit: what systemd sees of ashd.

ashd_tells_systemd_that_it_is_ready_and_what_it_does() {
  equal notify "$(property ashd.service Type)"
  equal active "$(property ashd.service ActiveState)"
  equal 0 "$(property ashd.service NRestarts)" "restarts"
  [ -n "$(property ashd.service StatusText)" ] || fail "it sent no STATUS="
}

# _privileges UNIT USER BOUNDING-SET : what its main process is and has
_privileges() {
  local pid
  pid=$(property "$1" MainPID)
  equal "$2" "$(stat -c %U "/proc/$pid")" "user of $1"
  equal "$3" "$(awk '/^CapBnd:/ {print $2}' "/proc/$pid/status")" "bounding set of $1"
  equal 1 "$(awk '/^NoNewPrivs:/ {print $2}' "/proc/$pid/status")" "NoNewPrivs of $1"
}

ashd_and_egress_have_no_capability_and_users_of_their_own() {
  _privileges ashd.service ash 0000000000000000
  _privileges ash-egress.service ash-egress 0000000000000000
}

sandboxd_has_six_capabilities_and_no_network() {
  # chown 0, dac_override 1, fowner 3, kill 5, setgid 6, setuid 7
  _privileges ash-sandboxd.service root 00000000000000eb
  local pid
  pid=$(property ash-sandboxd.service MainPID)
  equal lo "$(tail -n +3 "/proc/$pid/net/dev" | cut -d: -f1 | tr -d ' ')" "network devices"
  [ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ] || fail "it is in the network of the machine"
}

only_ashd_and_root_are_heard_by_sandboxd_and_egress() {
  local socket told ask
  for socket in sandboxd egress-control; do
    equal "ash 600" "$(stat -c '%U %a' "/run/ash/$socket.sock")" "mode of $socket"
  done
  # Nor is one who gets by the mode: the peer's user is looked at.
  # shellcheck disable=SC2016 # the variables are perl's
  ask='use IO::Socket::UNIX; $SIG{PIPE} = "IGNORE"; my $s = IO::Socket::UNIX->new(Peer => shift) or die "not connected";
    print $s q({"protocol":0,"request":{}}); $s->flush; shutdown $s, 1; print <$s>'
  chmod 666 /run/ash/sandboxd.sock
  told=$(setpriv --reuid=nobody --regid=nogroup --clear-groups perl -e "$ask" /run/ash/sandboxd.sock 2>&1)
  chmod 600 /run/ash/sandboxd.sock
  equal "" "$told" "what nobody is told"
  # The very same, of one who may ask: no version 0 was ever spoken.
  contains "$(setpriv --reuid=ash --regid=ash --clear-groups perl -e "$ask" /run/ash/sandboxd.sock)" '"error":"version"' "what ash is told"
}

ashd_cannot_open_what_is_a_sandboxes() {
  local session pid
  session=$(new_session)
  pid=$(property ashd.service MainPID)
  equal 0 "$(find "/proc/$pid/root/var/lib/ash/sessions" -mindepth 1 | wc -l)" "sessions that ashd sees"
  [ -d "/var/lib/ash/sessions/$session/workspace" ] || fail "the session has no workspace"
  # Not by another name either.
  if setpriv --reuid=ash --regid=ash --clear-groups mv /var/lib/ash/sessions /var/lib/ash/moved; then fail "ash moved the sessions away"; fi
}

systemd_holds_both_doors_while_ashd_is_stopped() {
  systemctl stop ashd.service 2>/dev/null
  equal inactive "$(property ashd.service ActiveState)"
  # Nobody sees a refused connection: the first one starts ashd.
  contains "$(health)" '"status":"ok"' "the API"
  equal active "$(property ashd.service ActiveState)"
  systemctl stop ashd.service 2>/dev/null
  contains "$(api GET /health)" '"status":"ok"' "the admin socket"
}

health_tells_what_this_machine_enforces() {
  local told
  measured() { health | jq -e '.isolation.notes | any(contains("Not measured yet")) | not'; }
  within 30 measured # ashd serves before the walls have been tried
  told=$(health)
  equal scope "$(jq -r .isolation.placement <<<"$told")" placement
  equal hard "$(jq -r .isolation.files <<<"$told")" files
  equal hard "$(jq -r .isolation.network <<<"$told")" network
  equal hard "$(jq -r .isolation.identity <<<"$told")" identity
  local expected=none
  ! grep -qw memory "$CGROUP/cgroup.controllers" || expected=hard
  if [ $expected = hard ]; then
    equal hard "$(jq -r .isolation.memory <<<"$told")" memory
    equal hard "$(jq -r .isolation.processes <<<"$told")" processes
  else # systemd accepts MemoryMax= there without a word; ashd says that it does not hold
    [ "$(jq -r .isolation.memory <<<"$told")" != hard ] || fail "memory is told as hard without a controller"
    jq -e '.isolation.notes | length > 0' <<<"$told" || fail "no note says what is missing"
  fi
  jq -e '.simulated == false and .cli.problem == null and .roles == "split"' <<<"$told"
}

ashd_refuses_a_host_whose_walls_nobody_named() {
  local told
  told=$(ASH_ALLOW_DEGRADED=files ASH_DATA_DIR=/run/ash-case ASH_RUNTIME_DIR=/run/ash-case/run ASH_PORT=0 \
    timeout $((60 * SLOWNESS)) ashd --config /dev/null 2>&1) && fail "it started: $told"
  rm -rf /run/ash-case
  contains "$told" "are not hard on this host"
  contains "$told" "ASH_ALLOW_DEGRADED="
}

only_root_and_the_group_ash_reach_the_admin_socket() {
  equal "root ash 660" "$(stat -c '%U %G %a' /run/ash/admin.sock)"
  local refused
  refused=$(setpriv --reuid=nobody --regid=nogroup --clear-groups \
    curl --silent --show-error --unix-socket /run/ash/admin.sock http://ash/health 2>&1) && fail "nobody came in"
  contains "$refused" "onnect to"
}

the_api_wants_a_key_and_the_admin_socket_does_not() {
  equal 401 "$(curl --silent --output /dev/null --write-out '%{http_code}' http://127.0.0.1:4100/api/agents)"
  api GET /api/agents | jq -e '.agents[].name == "hello"'
}

ashctl_status_tells_that_all_is_well() {
  local told
  told=$(ashctl status)
  contains "$told" "$(health | jq -r .version)"
}

ashctl_doctor_tells_wall_by_wall_what_holds() {
  local told wall
  told=$(ashctl doctor 2>&1) || true # its status tells whether something is missing
  for wall in files network identity seccomp; do
    grep -qE "^$wall +enforced" <<<"$told" || fail "$wall is not told as enforced: $told"
  done
  contains "$told" /ash-test/claude/claude "the CLI"
}

state_is_closed_to_others() {
  local path
  for path in /var/lib/ash/ash.db /var/lib/ash/agents; do
    [ -e "$path" ] || continue
    if setpriv --reuid=nobody --regid=nogroup --clear-groups test -r "$path"; then fail "nobody may read $path"; fi
  done
  # What opens credentials of tenants is not even for ashd.
  path=/var/lib/ash-egress/credential-key
  equal "600 ash-egress" "$(stat -c '%a %U' "$path")" "the key of credentials"
  if setpriv --reuid=ash --regid=ash --clear-groups test -r "$path"; then fail "ash may read $path"; fi
  if setpriv --reuid=nobody --regid=nogroup --clear-groups ls /var/lib/ash; then fail "nobody may list /var/lib/ash"; fi
}
