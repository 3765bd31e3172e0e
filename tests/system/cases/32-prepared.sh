# shellcheck shell=bash
# Scopes that are ready before the sessions that get them.

# The processes that wait in scopes, each with the id of the session to come.
_waiting() {
  local id
  for id in $(prepared_scopes); do echo "$id $(processes_of "$id")"; done
}
_is_gone() { [ -z "$(systemctl list-units --all --no-legend --plain "$(scope_of "$1")")" ]; } # SESSION

a_session_is_born_in_a_scope_that_was_there_before_it() {
  local waiting session own name
  within 20 prepared_scopes_are_ready
  waiting=$(_waiting)
  session=$(new_session)
  contains "$waiting" "$session $(process_of "$session" bwrap)" "what waited before the session"
  contains "$(ask "$session" '[[say:here]]')" here
  # Limits of its own are in force, too.
  within 20 prepared_scopes_are_ready
  waiting=$(_waiting)
  own=$(new_session '{"agent":"hello","limits":{"tasks":150,"memoryMib":700}}')
  contains "$waiting" "$own $(process_of "$own" bwrap)" "what waited before the session"
  equal 150 "$(property "$(scope_of "$own")" TasksMax)" "TasksMax"
  equal $((700 << 20)) "$(property "$(scope_of "$own")" MemoryMax)" "MemoryMax"
  if grep -qw memory "$CGROUP/cgroup.controllers"; then
    equal 150 "$(cat "$(cgroup_of "$own")/pids.max")" "pids.max"
    equal $((700 << 20)) "$(cat "$(cgroup_of "$own")/memory.max")" "memory.max"
  fi
  for name in Slice OOMPolicy CPUWeight CPUQuotaPerSecUSec MemorySwapMax; do
    equal "$(property "$(scope_of "$session")" $name)" "$(property "$(scope_of "$own")" $name)" "$name"
  done
}

a_session_that_comes_back_has_its_scope_again() {
  local session
  session=$(new_session)
  ask "$session" '[[say:apple]]' >/dev/null
  for _ in 1 2 3; do
    ashctl session stop "$session" >/dev/null
    within 5 _is_gone "$session"
    api POST "/api/sessions/$session/resume" >/dev/null
    equal active "$(property "$(scope_of "$session")" ActiveState)"
  done
  contains "$(ask "$session" '[[recall]]')" apple
}

nobody_takes_a_prepared_scope_for_a_session() {
  local id
  within 20 prepared_scopes_are_ready
  for id in $(prepared_scopes); do
    lacks "$(api GET '/api/sessions?limit=1000')" "$id" "the sessions"
    lacks "$(health)" "$id" "the health"
    [ ! -e "/run/ash/sandboxes/s-$id.json" ] || fail "it is written down as a sandbox"
  done
}

a_session_starts_when_its_prepared_scope_is_gone() {
  local session
  within 20 prepared_scopes_are_ready
  # shellcheck disable=SC2046 # many words
  systemctl kill --signal=KILL $(prepared_scopes | sed 's/.*/ash-s-&.scope/')
  session=$(new_session)
  contains "$(ask "$session" '[[say:here]]')" here
  equal active "$(property "$(scope_of "$session")" ActiveState)"
  within 20 prepared_scopes_are_ready
}

prepared_scopes_go_with_who_asked_for_them() {
  local how before id
  for how in 'kill --signal=KILL ashd' 'restart ashd' 'kill --signal=KILL ash-sandboxd'; do
    within 20 prepared_scopes_are_ready
    before=$(prepared_scopes)
    # shellcheck disable=SC2086 # words
    systemctl $how
    for id in $before; do within 10 _is_gone "$id"; done
    within 20 health
    new_session >/dev/null
    within 20 prepared_scopes_are_ready
  done
  systemctl stop ashd
  _none() { [ -z "$(prepared_scopes)" ]; }
  within 10 _none
  systemctl start ashd
  within 20 health
}

a_death_in_the_middle_of_a_start_leaves_no_scope() {
  local who round
  for who in ash-sandboxd ashd; do
    for round in 1 2 3 4; do
      within 20 health
      api POST /api/sessions '{"agent":"hello"}' >/dev/null 2>&1 &
      sleep "0.0$((round * 2))"
      systemctl kill --signal=KILL "$who"
      wait $! || true
      systemctl reset-failed "$who"
    done
  done
  within 20 health
  for session in $(api GET '/api/sessions?limit=1000' | jq -r '.sessions[] | select(.status != "ended") | .id'); do
    echo "$session" >>/run/ash-case.sessions
    ashctl session end "$session" >/dev/null
  done
  _only_prepared() {
    [ "$(systemctl list-units --all --no-legend --plain 'ash-s-*.scope' | wc -l)" = "$(prepared_scopes | wc -l)" ]
  }
  within 20 _only_prepared
}
