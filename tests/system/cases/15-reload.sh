# shellcheck shell=bash
# ashd reads its configuration again.

DROP_IN=/etc/ash/ash.toml.d/zz-case.toml # behind those of the machine
_clean() { rm -f $DROP_IN && systemctl reload ashd.service; }
_max() { health | jq -r .pool.maxCapacity; }

_same_process_before_and_after() {
  local before
  before=$(property ashd.service MainPID)
  "$@"
  equal "$before" "$(property ashd.service MainPID)" "the process of ashd"
  equal active "$(property ashd.service ActiveState)"
}

a_reload_takes_what_is_written_and_names_what_waits() {
  local told
  printf '[sandbox]\nmax = 7\ntasks = 222\n' >$DROP_IN
  _same_process_before_and_after systemctl reload ashd.service
  equal 7 "$(_max)" "most sandboxes"
  told=$(ashctl config show sandbox.max sandbox.tasks)
  contains "$told" "$DROP_IN:2"
  contains "$told" "200 (222 after a restart of ash-sandboxd)"
  contains "$(ashctl config reload)" 'systemctl restart ash-sandboxd'
  _clean
  equal 1000 "$(_max)" "most sandboxes afterwards"
}

a_wrong_configuration_is_refused_and_the_old_one_kept() {
  local told status=0 began
  began=$(date '+%Y-%m-%d %H:%M:%S')
  printf '[sandbox]\nmaks = 7\n' >$DROP_IN
  told=$(ashctl config check 2>&1) && fail "it is in order: $told"
  contains "$told" "$DROP_IN:2:1: unknown field"
  _fails() { if systemctl reload ashd.service; then fail "the reload succeeded"; fi; }
  _same_process_before_and_after _fails
  equal 1000 "$(_max)" "most sandboxes"
  contains "$(property ashd.service StatusText)" "not reloaded: the configuration is not usable: $DROP_IN:2:1" "status"
  _told() { [[ $(journalctl --no-pager -u ashd.service --since "$began" ASH_EVENT=config.refused) == *maks* ]]; }
  within 10 _told
  ashctl config reload || status=$?
  equal 9 "$status" "exit of ashctl"
  _clean
  lacks "$(property ashd.service StatusText)" "not reloaded" "status afterwards"
}

a_hangup_reloads_too_and_turns_go_on() {
  local session
  session=$(new_session)
  ask "$session" '[[say:0123456789]][[chunks:10:100]]' >/run/ash-case.told 2>&1 &
  within 20 grep -q 01 /run/ash-case.told
  printf '[sandbox]\nmax = 9\n' >$DROP_IN
  _same_process_before_and_after kill -HUP "$(property ashd.service MainPID)"
  nine() { [ "$(_max)" = 9 ]; }
  within 10 nine
  wait $!
  contains "$(cat /run/ash-case.told)" 0123456789 "the answer"
  _clean
}
