# shellcheck shell=bash
# Sessions that leave the host and come back, with the rights that the units give.

an_archived_session_leaves_nothing_here_and_comes_back_whole() {
  local session folder uid
  session=$(new_session)
  ask "$session" 'Remember the word heron. [[tool:Write:{"file_path":"/workspace/kept.txt","content":"kept"}]][[say:done]]' >/dev/null
  folder=/var/lib/ash/sessions/$session
  uid=$(stat -c %u "$folder/home")
  ashctl session archive "$session" >/dev/null
  [ ! -e "$folder/workspace/kept.txt" ] || fail "its files are still here"
  equal "" "$(pgrep -u "$uid" || true)" "processes"
  equal archived "$(api GET "/api/sessions/$session" | jq -r .session.tier)" tier
  lacks "$(grep -rlsF -e heron -e kept /var/lib/ash/archive || true)" "$session" "what can be read in the archive"
  ashctl session restore "$session" >/dev/null
  equal kept "$(ashctl session files "$session" kept.txt)" "the file"
  contains "$(ask "$session" '[[recall]]')" heron "the answer"
  equal "$(stat -c %u "$folder/home")" "$(stat -c %u "$folder/workspace/kept.txt")" "the owner of the file"
}

a_message_brings_an_archived_session_back() {
  local session
  session=$(new_session)
  ask "$session" 'Remember the word stork.' >/dev/null
  ashctl session archive "$session" >/dev/null
  contains "$(ask "$session" '[[recall]]')" stork "the answer"
}
