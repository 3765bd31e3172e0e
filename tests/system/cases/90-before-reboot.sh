# shellcheck shell=bash
# What after-reboot/ looks for. Its session is not ended.

a_session_is_left_for_the_reboot() {
  local session
  session=$(ashctl session create hello -o id)
  ask "$session" 'Remember the word phoenix. [[tool:Write:{"file_path":"/workspace/kept.txt","content":"kept"}]][[say:yes]]' >/dev/null
  echo "$session" >"$STATE/session"
}
