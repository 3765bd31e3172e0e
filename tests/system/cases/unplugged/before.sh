# shellcheck shell=bash
# What after.sh looks for. The plug is pulled right behind it, in the middle of turns.

UNPLUGGED=3 # sessions

turns_run_as_the_plug_is_pulled() {
  local session body at
  rm -f "$STATE"/unplugged.*
  for ((at = 0; at < UNPLUGGED; at++)); do
    session=$(ashctl session create hello -o id)
    ask "$session" "Remember the word plug-$at. [[tool:Write:{\"file_path\":\"/workspace/kept.txt\",\"content\":\"kept-$at\"}]][[say:yes]]" >/dev/null
    echo "$session" >>"$STATE/unplugged.sessions"
  done
  # What the kernel had not written yet is nobody's promise; what follows is not waited for.
  sync
  while read -r session; do
    # Acknowledged, and not waited for by anything but the database.
    ask "$session" 'Remember the word socket. [[say:noted]]' >/dev/null
  done <"$STATE/unplugged.sessions"
  while read -r session; do
    api GET "/api/sessions/$session/messages?limit=1000" | jq -c '[.messages[] | {sequence, role, content}]' >"$STATE/unplugged.$session"
  done <"$STATE/unplugged.sessions"
  sync -f "$STATE" # these notes are the test's own, and go with the disk
  while read -r session; do
    body='{"content":"[[chunks:200:'$((500 * SLOWNESS))']][[say:'$(printf 'x%.0s' {1..400})']]","includePartialMessages":true}'
    curl --silent --no-buffer --unix-socket /run/ash/admin.sock --output "/run/ash-case.$session" \
      --header 'content-type: application/json' --data "$body" "http://ash/api/sessions/$session/messages" &
    within 20 grep -q text_delta "/run/ash-case.$session"
    kill $!
  done <"$STATE/unplugged.sessions"
  equal "$UNPLUGGED" "$(api GET /api/sessions | jq '[.sessions[] | select(.busy)] | length')" "turns that run"
}
