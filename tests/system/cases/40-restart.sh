# shellcheck shell=bash
# ashd dies or is restarted; the sandboxes live on.

# _survives COMMAND... : a session keeps its very CLI process over it, and its conversation.
_survives() {
  local session before
  session=$(new_session)
  ask "$session" 'Remember the word marmalade. [[say:yes]]' >/dev/null
  before=$(processes_of "$session" | sort)
  systemctl reset-failed ashd.service # these starts are meant
  "$@"
  within 20 health
  equal "$before" "$(processes_of "$session" | sort)" "processes of the session"
  contains "$(ask "$session" '[[recall]]')" marmalade "the answer after it"
}
_killed() {
  local before
  before=$(property ashd.service MainPID)
  systemctl kill --signal=KILL ashd.service
  restarted() { [ "$(property ashd.service MainPID)" != "$before" ] && systemctl is-active ashd.service; }
  within 20 restarted
}

a_session_survives_a_restart_of_ashd() { _survives systemctl restart ashd.service; }

a_session_survives_the_death_of_ashd() { _survives _killed; }

a_session_survives_a_restart_of_sandboxd() { _survives systemctl restart ash-sandboxd.service; }

a_session_survives_the_death_of_sandboxd() {
  local session before
  session=$(new_session)
  ask "$session" 'Remember the word apricot. [[say:yes]]' >/dev/null
  before=$(processes_of "$session" | sort)
  systemctl kill --signal=KILL ash-sandboxd.service
  contains "$(ask "$session" '[[recall]]')" apricot "the answer after it"
  equal "$before" "$(processes_of "$session" | sort)" "processes of the session"
  # Its successor knows the sandbox, and ends it.
  ashctl session end "$session"
  gone() { ! systemctl is-active "$(scope_of "$session")"; }
  within 5 gone
}

a_restart_of_egress_forgets_no_session() {
  local session
  session=$(new_session)
  ask "$session" 'Remember the word quince. [[say:yes]]' >/dev/null
  systemctl restart ash-egress.service
  contains "$(ask "$session" '[[recall]]')" quince "the answer after it"
}

a_request_that_comes_before_ashd_waits_for_it() {
  local session
  session=$(new_session)
  ask "$session" 'Remember the word medlar. [[say:yes]]' >/dev/null
  systemctl stop ashd.socket ashd-admin.socket ashd.service
  systemctl restart ash-egress.service
  local uid placeholder
  uid=$(stat -c %u "/proc/$(process_of "$session" claude)")
  placeholder=$(tr '\0' '\n' <"/proc/$(process_of "$session" claude)/environ" | sed -n 's/^ANTHROPIC_API_KEY=//p')
  setpriv --reuid="$uid" --regid="$uid" --clear-groups curl --silent --max-time $((60 * SLOWNESS)) --unix-socket /run/ash/egress/api.sock \
    --head --output /dev/null --write-out '%{http_code}' --header "x-api-key: $placeholder" http://api.ash.invalid/ >/run/ash-case.status &
  systemctl start ashd.socket ashd-admin.socket ashd.service
  wait $!
  lacks "401 403 503" "$(cat /run/ash-case.status)" "status of the request"
}

a_stream_of_the_model_goes_on_while_ashd_restarts() {
  local session before began
  session=$(new_session)
  ask "$session" '[[say:up]]' >/dev/null
  before=$(property ash-egress.service MainPID)
  began=$(date '+%Y-%m-%d %H:%M:%S')
  ask "$session" '[[say:0123456789]][[chunks:10:'"$PIECE_MS"']]' >/run/ash-case.cut 2>&1 &
  within 10 grep -q 01 /run/ash-case.cut
  systemctl restart ashd.service
  wait $! || true
  told() { api GET "/api/sessions/$session/messages?limit=1000" | jq -e '[.messages[].content] | any(contains("0123456789") and contains("assistant"))'; }
  within 20 told
  equal "$before" "$(property ash-egress.service MainPID)" "the process of egress"
  # One request, answered to its end: nothing was cut and asked again.
  lacks "$(journalctl --no-pager -u ash-egress.service --since "$began")" Revoked "outcomes"
}

a_turn_that_runs_while_ashd_dies_is_told_to_its_end() {
  local session
  session=$(new_session)
  ask "$session" '[[say:up]]' >/dev/null
  ask "$session" '[[say:0123456789]][[chunks:10:'"$PIECE_MS"']]' >/run/ash-case.cut 2>&1 &
  within 10 grep -q 01 /run/ash-case.cut
  _killed
  wait $! || true
  told() { api GET "/api/sessions/$session/messages?limit=1000" | jq -e '[.messages[].content] | any(contains("0123456789") and contains("assistant"))'; }
  within 20 told
}

a_session_that_ends_while_ashd_is_away_is_not_told_as_alive() {
  local session
  session=$(new_session)
  ask "$session" '[[say:up]]' >/dev/null
  systemctl stop ashd.service ashd.socket ashd-admin.socket
  systemctl kill --signal=KILL "$(scope_of "$session")"
  gone() { ! systemctl is-active "$(scope_of "$session")"; }
  within 5 gone
  systemctl start ashd.socket ashd-admin.socket ashd.service
  # Its next message starts it again, with its conversation.
  contains "$(ask "$session" '[[recall]]')" up "the answer"
}

stopping_the_slice_ends_every_sandbox() {
  local session
  session=$(new_session)
  ask "$session" '[[say:up]]' >/dev/null
  systemctl stop ash-sandbox.slice
  gone() { ! systemctl is-active "$(scope_of "$session")"; }
  within 5 gone
}

fifty_streams_outlive_a_kill_and_a_restart_of_ashd() {
  [ "${KIND%% *}" != vm ] || skip "the one slow processor of the vm does not start fifty in time; the container has them"
  local sessions session before count=50
  ! emulated || count=5 # as many as it starts within one of them
  with_fake_cli
  start_streams $count
  before=$(for session in "${sessions[@]}"; do processes_of "$session"; done | sort)
  _killed
  within 20 health
  within 30 streams_go_on
  systemctl restart ashd.service
  within 20 health
  within 30 streams_go_on
  equal "$before" "$(for session in "${sessions[@]}"; do processes_of "$session"; done | sort)" "processes of the sessions"
  wait
  streams_are_whole
}
