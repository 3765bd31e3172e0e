# shellcheck shell=bash
# The scripts of an agent, on a real systemd.

scripts_run_in_the_scope_and_as_the_user_of_their_session() {
  local folder session uid pid
  folder=$(mktemp -d)
  echo 'You test.' >"$folder/CLAUDE.md"
  # shellcheck disable=SC2016  # it is for the shell inside
  echo 'echo "I am $(id -u)"; touch installed' >"$folder/install.sh"
  echo '[ -e installed ] && exec sleep 4713 &' >"$folder/startup.sh"
  ashctl deploy "$folder" --name scripted
  session=$(new_session '{"agent":"scripted"}')
  within 20 pgrep -xf 'sleep 4713'
  pid=$(pgrep -xf 'sleep 4713')
  contains "$(cat "/proc/$pid/cgroup")" "$(scope_of "$session")" "its control group"
  uid=$(stat -c %u "/var/lib/ash/sessions/$session/home")
  equal "$uid" "$(stat -c %u "/proc/$pid")" "its user"
  contains "$(ask "$session" '[[say:up]]')" up "the answer"
  contains "$(ashctl session logs "$session")" "stdout  I am 1000" "the logs"
  api POST "/api/sessions/$session/stop" '{}' >/dev/null
  gone() { ! pgrep -xf 'sleep 4713'; }
  within 5 gone
  contains "$(ask "$session" '[[say:again]]')" again "the answer"
  pgrep -xf 'sleep 4713' >/dev/null || fail "nothing was started with the new sandbox"
  equal 1 "$(ashctl session logs "$session" | grep -c 'I am')" "installations"
  ashctl session end "$session"
  ashctl agent delete scripted
  rm -r "$folder"
}
