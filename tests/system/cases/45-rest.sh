# shellcheck shell=bash
# Sessions that rest: frozen, smaller, gone, and awake again.

_tier() { api GET "/api/sessions/$1" | jq -r .session.tier; }
_is() { [ "$(_tier "$1")" = "$2" ]; } # SESSION TIER
_frozen() { grep -qx "frozen $2" "$(cgroup_of "$1")/cgroup.events"; }
_usage() { awk '$1 == "usage_usec" {print $2}' "$(cgroup_of "$1")/cpu.stat"; }

# _resting : a session that knows a word, paused.
_resting() {
  local session
  session=$(new_session)
  ask "$session" 'Remember the word marmalade. [[say:yes]]' >/dev/null
  api POST "/api/sessions/$session/pause" '{}' >/dev/null
  equal frozen "$(_tier "$session")" "tier of $session" >&2
  _frozen "$session" 1
  echo "$session"
}

a_paused_session_uses_no_processor_and_its_next_message_wakes_it() {
  local session before used
  session=$(_resting)
  before=$(processes_of "$session" | sort)
  used=$(_usage "$session")
  ask "$(new_session)" '[[say:meanwhile]]' >/dev/null
  equal "$used" "$(_usage "$session")" "processor time of the frozen session"
  contains "$(ask "$session" '[[recall]]')" marmalade "the answer"
  equal "$before" "$(processes_of "$session" | sort)" "its processes"
}

a_resumed_session_runs_again() {
  local session
  session=$(_resting)
  api POST "/api/sessions/$session/resume" '{}' >/dev/null
  equal hot "$(_tier "$session")" tier
  _frozen "$session" 0
}

a_frozen_session_outlives_every_part_of_ash() {
  local session before
  session=$(_resting)
  before=$(processes_of "$session" | sort)
  systemctl restart ash-sandboxd.service ash-egress.service ashd.service
  within 20 health
  within 20 _is "$session" frozen
  within 5 _frozen "$session" 1
  contains "$(ask "$session" '[[recall]]')" marmalade "the answer"
  equal "$before" "$(processes_of "$session" | sort)" "its processes"
}

a_frozen_session_can_be_ended() {
  local session scope
  session=$(_resting)
  scope=$(scope_of "$session")
  ashctl session end "$session" >/dev/null
  gone() { ! systemctl is-active "$scope"; }
  within 5 gone
}

stopping_the_slice_ends_frozen_sandboxes_too() {
  local session scope
  session=$(_resting)
  scope=$(scope_of "$session")
  systemctl stop ash-sandbox.slice
  gone() { ! systemctl is-active "$scope"; }
  within 15 gone
}

a_stopped_session_has_no_process_and_resumes() {
  local session scope
  session=$(new_session)
  ask "$session" 'Remember the word marmalade. [[say:yes]]' >/dev/null
  scope=$(scope_of "$session")
  api POST "/api/sessions/$session/stop" '{}' >/dev/null
  gone() { ! systemctl is-active "$scope"; }
  within 10 gone
  equal hibernated "$(_tier "$session")" tier
  contains "$(ask "$session" '[[recall]]')" marmalade "the answer"
}

a_session_at_rest_gives_its_memory_back() {
  needs_limits
  local session before after from
  printf '%s\n' '[tiers]' freeze_after_seconds=1 reclaim_after_seconds=2 >/etc/ash/ash.toml.d/rest.toml
  systemctl restart ashd.service
  session=$(new_session)
  ask "$session" 'Remember the word marmalade. [[say:yes]]' >/dev/null
  before=$(cat "$(cgroup_of "$session")/memory.current")
  within 60 _is "$session" reclaimed
  after=$(cat "$(cgroup_of "$session")/memory.current")
  [ "$after" -lt "$before" ] || fail "it is as large as before: $before"
  rm /etc/ash/ash.toml.d/rest.toml
  systemctl restart ashd.service
  within 20 health
  from=$(date +%s%N)
  contains "$(ask "$session" '[[recall]]')" marmalade "the answer"
  echo "# memory of a session with the real CLI: $((before >> 10)) KiB hot, $((after >> 10)) KiB reclaimed;" \
    "answered $((($(date +%s%N) - from) / 1000000)) ms after a message woke it"
}

a_paused_session_wakes_twenty_times() {
  local session times=() from
  session=$(_resting)
  for _ in {1..20}; do
    from=$(date +%s%N)
    api POST "/api/sessions/$session/resume" '{}' >/dev/null
    times+=($((($(date +%s%N) - from) / 1000)))
    _frozen "$session" 0
    api POST "/api/sessions/$session/pause" '{}' >/dev/null
    _frozen "$session" 1
  done
  mapfile -t times < <(printf '%s\n' "${times[@]}" | sort -n)
  from=$(date +%s%N)
  health >/dev/null
  echo "# resume of a frozen session by curl, n = 20: p50 ${times[9]} us, p95 ${times[18]} us, max ${times[19]} us;" \
    "GET /health by curl: $((($(date +%s%N) - from) / 1000)) us"
}
