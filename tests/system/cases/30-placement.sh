# shellcheck shell=bash
# Where a sandbox lives: a scope of its own, outside of ashd's unit.

every_process_of_a_session_is_in_its_scope() {
  local session pid cgroup
  session=$(new_session)
  ask "$session" '[[say:up]]' >/dev/null
  equal active "$(property "$(scope_of "$session")" ActiveState)"
  equal ash-sandbox.slice "$(property "$(scope_of "$session")" Slice)"
  equal 1 "$(process_of "$session" claude | wc -l)" "CLIs in the scope"
  equal 1 "$(process_of "$session" bridge | wc -l)" "bridges in the scope"
  # And nowhere else: every process with the sandbox's uid is in that scope.
  local uid
  uid=$(stat -c %u "/proc/$(process_of "$session" claude)")
  [ "$uid" -ge 1878917120 ] || fail "the CLI runs as uid $uid, which is no sandbox's own"
  for pid in $(pgrep -u "$uid"); do
    cgroup=$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
    contains "$cgroup" "/ash-sandbox.slice/$(scope_of "$session")" "cgroup of process $pid"
  done
}

nothing_of_a_session_is_in_the_unit_of_ashd() {
  local session
  session=$(new_session)
  ask "$session" '[[say:up]]' >/dev/null
  equal "$(property ashd.service MainPID)" \
    "$(tr '\n' ' ' <"$CGROUP$(property ashd.service ControlGroup)/cgroup.procs" | sed 's/ $//')" "processes of ashd.service"
}

two_sessions_have_two_uids() {
  local one two
  one=$(new_session)
  two=$(new_session)
  ask "$one" '[[say:up]]' >/dev/null
  ask "$two" '[[say:up]]' >/dev/null
  [ "$(stat -c %u "/proc/$(process_of "$one" claude)")" != "$(stat -c %u "/proc/$(process_of "$two" claude)")" ] ||
    fail "both run under one uid"
}

what_a_session_starts_in_the_background_stays_in_its_scope() {
  local session pid
  session=$(new_session)
  in_sandbox "$session" 'setsid sh -c "sleep 3333 & exec sleep 3333" >/dev/null 2>&1 & echo started' >/dev/null
  within 5 pgrep -f 'sleep 3333'
  for pid in $(pgrep -f 'sleep 3333'); do
    contains "$(cat "/proc/$pid/cgroup")" "$(scope_of "$session")" "cgroup of process $pid"
  done
}
