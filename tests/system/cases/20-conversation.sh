# shellcheck shell=bash
# A person deploys an agent and talks to it, with the real Claude Code CLI.

a_session_answers_and_remembers() {
  local session
  session=$(ashctl session create hello -o id)
  echo "$session" >>/run/ash-case.sessions
  contains "$(ask "$session" 'Remember the word heliotrope. [[say:I will.]]')" "I will." "first answer"
  contains "$(ask "$session" 'Which word? [[recall]]')" heliotrope "second answer"
}

an_agent_reads_the_instructions_of_its_folder() {
  local session
  session=$(new_session)
  contains "$(ashctl session files "$session")" CLAUDE.md
}

what_an_agent_writes_is_a_file_of_its_session() {
  local session
  session=$(new_session)
  ask "$session" '[[tool:Write:{"file_path":"/workspace/written.txt","content":"by the agent"}]][[say:done]]'
  contains "$(ashctl session files "$session")" written.txt
  equal "by the agent" "$(api GET "/api/sessions/$session/files/written.txt?format=json" | jq -r .content)"
}

an_answer_streams_while_it_is_made() {
  local session first last
  session=$(new_session)
  ask "$session" '[[say:warm]]' >/dev/null
  # Ten pieces, 200 ms apart: the first must be there long before the last.
  { ashctl send --partial "$session" '[[say:abcdefghij]][[chunks:10:200]]' | while IFS= read -r -n 1 _; do date +%s%N; done; } >/run/ash-case.times
  first=$(head -n 1 /run/ash-case.times)
  last=$(tail -n 1 /run/ash-case.times)
  [ $((last - first)) -gt 1000000000 ] || fail "all came within $(((last - first) / 1000000)) ms"
}
