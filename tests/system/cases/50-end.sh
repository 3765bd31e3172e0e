# shellcheck shell=bash
# The end of a session leaves nothing.

END_SECONDS=2

_end_leaves() { # SESSION : no process, no scope
  local uid=$2
  no_process() { [ -z "$(pgrep -u "$uid")" ]; }
  within $END_SECONDS no_process
  no_scope() { ! systemctl is-active "$(scope_of "$1")"; }
  within $END_SECONDS no_scope "$1"
  equal "" "$(systemctl list-units --all --no-legend --plain "$(scope_of "$1")")" "units left"
  [ ! -e "/run/ash/s/$1" ] || fail "/run/ash/s/$1 is left"
}

the_end_of_a_session_leaves_no_process_and_no_scope() {
  local session uid
  session=$(new_session)
  ask "$session" '[[say:up]]' >/dev/null
  uid=$(stat -c %u "/proc/$(process_of "$session" claude)")
  ashctl session end "$session"
  _end_leaves "$session" "$uid"
}

a_process_that_hides_does_not_outlive_its_session() {
  local session uid
  session=$(new_session)
  in_sandbox "$session" \
    'setsid sh -c "trap \"\" TERM HUP INT; (setsid sleep 4444 &) ; exec sleep 4444" >/dev/null 2>&1 & echo started' >/dev/null
  within 5 pgrep -f 'sleep 4444'
  uid=$(stat -c %u "/proc/$(process_of "$session" claude)")
  ashctl session end "$session"
  _end_leaves "$session" "$uid"
}

a_session_that_hangs_in_a_turn_can_be_ended() {
  local session uid
  session=$(new_session)
  ask "$session" '[[say:up]]' >/dev/null
  uid=$(stat -c %u "/proc/$(process_of "$session" claude)")
  ask "$session" '[[tool:Bash:{"command":"sleep 5555","description":"x"}]]' >/dev/null 2>&1 &
  within 10 pgrep -f 'sleep 5555'
  ashctl session end "$session"
  _end_leaves "$session" "$uid"
  wait $! || true
}

a_session_outlives_its_agent() {
  local session
  ashctl deploy /ash-test/agents/hello --name passing
  session=$(new_session '{"agent":"passing"}')
  ask "$session" 'Remember the word umbrella. [[say:yes]]' >/dev/null
  ashctl agent delete passing
  contains "$(ask "$session" '[[recall]]')" umbrella "the answer"
}
