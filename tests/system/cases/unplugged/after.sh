# shellcheck shell=bash
# The machine lost its power in the middle of turns, and was switched on again.

ashd_is_back_after_the_plug_was_pulled() {
  within 60 health
  equal ok "$(health | jq -r .status)"
  ashctl db check
}

every_session_has_all_that_was_acknowledged() {
  local session
  while read -r session; do
    api GET "/api/sessions/$session/messages?limit=1000" | jq -c '[.messages[] | {sequence, role, content}]' >/run/ash-case.now
    jq -en --slurpfile before "$STATE/unplugged.$session" --slurpfile now /run/ash-case.now \
      '$now[0][:($before[0] | length)] == $before[0]' >/dev/null || fail "the history of $session is another"
  done <"$STATE/unplugged.sessions"
}

no_turn_is_told_as_running_after_the_plug_was_pulled() {
  equal 0 "$(api GET /api/sessions | jq '[.sessions[] | select(.busy)] | length')" "turns that run"
  equal "" "$(systemctl list-units --no-legend --plain 'ash-s-*.scope')" scopes
}

every_session_goes_on_with_files_and_conversation() {
  local session at=0
  while read -r session; do
    contains "$(ask "$session" '[[recall]]')" "plug-$at" "the answer"
    contains "$(ask "$session" '[[recall]]')" socket "the answer"
    equal "kept-$at" "$(api GET "/api/sessions/$session/files/kept.txt?format=json" | jq -r .content)"
    ashctl session end "$session"
    at=$((at + 1))
  done <"$STATE/unplugged.sessions"
}
