# shellcheck shell=bash
# Commands and files of sessions with and without a sandbox, on a real systemd.

_jail_of() { echo "ash-j-$1.scope"; }

_no_jail() { # SESSION : no scope, no socket, no note
  gone() {
    ! systemctl is-active "$(_jail_of "$1")" && [ ! -e "/run/ash/j/$1" ] &&
      [ ! -e "/run/ash/sandboxes/j-$1.json" ]
  }
  within 10 gone "$1"
}

# _stopped : a session with a file and without a sandbox
_stopped() {
  local session
  session=$(new_session)
  ask "$session" '[[tool:Write:{"file_path":"/workspace/kept.txt","content":"kept"}]][[say:done]]' >/dev/null
  api POST "/api/sessions/$session/stop" '{}' >/dev/null
  echo "$session"
}

a_command_runs_in_the_sandbox_of_its_session() {
  local session scope client
  session=$(new_session)
  scope=$(scope_of "$session")
  contains "$(ashctl session exec "$session" -n -- cat /proc/self/cgroup)" "0::/" "its control group"
  ashctl session exec "$session" -n --timeout 60 -- sleep 4711 &
  client=$!
  within 10 pgrep -xf 'sleep 4711'
  contains "$(cat "/proc/$(pgrep -xf 'sleep 4711')/cgroup")" "$scope" "the command's control group"
  kill "$client"
  ended() { ! pgrep -xf 'sleep 4711'; }
  within 10 ended
}

a_session_without_a_sandbox_is_served_by_a_jail_of_its_own() {
  local session uid pid client
  session=$(_stopped)
  uid=$(stat -c %u "/var/lib/ash/sessions/$session/home")
  equal kept "$(ashctl session files "$session" kept.txt)" "the file"
  ashctl session exec "$session" -n --timeout 60 -- sleep 4712 &
  client=$!
  within 10 pgrep -xf 'sleep 4712'
  pid=$(pgrep -xf 'sleep 4712')
  contains "$(cat "/proc/$pid/cgroup")" "$(_jail_of "$session")" "the command's control group"
  equal "$uid" "$(stat -c %u "/proc/$pid")" "its user"
  systemctl is-active "$(scope_of "$session")" && fail "a sandbox beside the jail"
  kill "$client"
  ended() { [ -z "$(pgrep -u "$uid")" ]; }
  within 10 ended
  _no_jail "$session"
  contains "$(ask "$session" '[[say:up]]')" up "the answer"
}

nothing_of_a_jail_outlives_ashd_or_ash_sandboxd() {
  local session uid unit client
  for unit in ashd.service ash-sandboxd.service; do
    session=$(_stopped)
    uid=$(stat -c %u "/var/lib/ash/sessions/$session/home")
    ashctl session exec "$session" -n --timeout 60 -- sleep 4713 &
    client=$!
    within 10 pgrep -xf 'sleep 4713'
    systemctl kill --signal=KILL "$unit"
    [ "$unit" = ashd.service ] || kill "$client"
    ended() { [ -z "$(pgrep -u "$uid")" ]; }
    within 20 ended
    within 20 health
    within 20 systemctl is-active ash-sandboxd.service
    api GET "/api/sessions/$session/files/kept.txt" >/dev/null
    _no_jail "$session"
    wait
  done
}

the_files_of_an_ended_session_are_served_and_change() {
  local session
  session=$(_stopped)
  ashctl session end "$session" >/dev/null
  echo new | ashctl session put "$session" - new.txt >/dev/null
  equal new "$(ashctl session files "$session" new.txt)" "the file"
  ashctl session pull "$session" /tmp/workspace.tgz
  contains "$(tar -tzf /tmp/workspace.tgz)" new.txt "the archive"
  ashctl session rm "$session" new.txt >/dev/null
  lacks "$(ashctl session files "$session" -o id)" new.txt "the files"
  _no_jail "$session"
}
