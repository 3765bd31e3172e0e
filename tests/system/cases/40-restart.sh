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

a_turn_that_runs_while_ashd_dies_is_told_to_its_end() {
  local session
  session=$(new_session)
  ask "$session" '[[say:up]]' >/dev/null
  ask "$session" '[[say:0123456789]][[chunks:10:300]]' >/run/ash-case.cut 2>&1 &
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
