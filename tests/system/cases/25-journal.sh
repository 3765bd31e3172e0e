# shellcheck shell=bash
# What happened, told by the journal and by ashd.

the_journal_tells_the_story_of_a_session() {
  local session turn story
  session=$(new_session)
  ask "$session" '[[say:one]]' >/dev/null
  ashctl session pause "$session"
  ashctl session end "$session"
  story() { journalctl --no-pager --output=json -u 'ash*' "ASH_SESSION=$session"; }
  ended() { story | jq -es 'any(.ASH_EVENT == "session.ended")'; }
  within 20 ended
  story=$(story)
  for event in session.created turn.started turn.ended session.paused session.ended; do
    jq -es --arg event "$event" 'any(.ASH_EVENT == $event and .ASH_AGENT == "hello")' <<<"$story" || fail "no $event in: $story"
  done
  turn=$(jq -rs 'map(select(.ASH_EVENT == "turn.started"))[0].ASH_TURN' <<<"$story")
  jq -es --arg turn "$turn" 'any(.ASH_EVENT == "turn.ended" and .ASH_TURN == $turn)' <<<"$story"
  # Each daemon says its part.
  for unit in ashd ash-sandboxd ash-egress; do
    jq -es --arg unit "$unit.service" 'any(._SYSTEMD_UNIT == $unit)' <<<"$story" || fail "nothing of $unit in: $story"
  done
  # Neither what was said nor what was answered.
  lacks "$story" '[[say:one]]'
  contains "$(ashctl logs "$session" -o id)" "turn ended, milliseconds"
  contains "$(ashctl logs "$session")" "ash-s-$session.scope" "systemd's part"
}

what_happens_is_followed_over_a_restart_of_ashd() {
  local session
  systemctl reset-failed ashd.service # this start is meant
  ashctl events -f -n 0 -o jsonl >/run/ash-case.events 2>&1 &
  session=$(new_session)
  within 10 grep -q "session.created.*$session" /run/ash-case.events
  systemctl restart ashd.service
  within 20 grep -q ashd.started /run/ash-case.events
  ask "$session" '[[say:two]]' >/dev/null
  within 10 grep -q "turn.ended.*$session" /run/ash-case.events
  kill %1
  jq -es 'map(.number) | . == (sort | unique)' /run/ash-case.events || fail "the numbers do not grow: $(cat /run/ash-case.events)"
}
