# shellcheck shell=bash
# What systemd does when ashd hangs, and what ashd does with sockets that it does not know.

DROP_IN=/run/systemd/system/ashd.service.d/case.conf

ashd_that_hangs_is_restarted_and_sessions_live_on() {
  local session before processes began
  mkdir -p "$(dirname $DROP_IN)"
  printf '[Service]\nWatchdogSec=2\nTimeoutAbortSec=3\n' >$DROP_IN
  systemctl daemon-reload
  systemctl restart ashd.service
  session=$(new_session)
  ask "$session" 'Remember the word damson. [[say:yes]]' >/dev/null
  processes=$(processes_of "$session" | sort)
  before=$(property ashd.service MainPID)
  systemctl reset-failed ashd.service # this start is meant
  began=$(date '+%Y-%m-%d %H:%M:%S')
  kill -STOP "$before"
  restarted() { [ "$(property ashd.service MainPID)" != "$before" ] && systemctl is-active ashd.service; }
  within 60 restarted
  contains "$(journalctl --no-pager -u ashd.service --since "$began")" "Watchdog timeout"
  equal "$processes" "$(processes_of "$session" | sort)" "processes of the session"
  contains "$(ask "$session" '[[recall]]')" damson "the answer after it"
  rm $DROP_IN
  systemctl daemon-reload
  systemctl restart ashd.service
}

# _starts_with NAMES : ashd, by hand, with a socket that is passed under these names
_starts_with() {
  local status=0
  # shellcheck disable=SC2016 # the variables are of the shell that becomes ashd
  TOLD=$(ASH_DATA_DIR=/run/ash-case ASH_RUNTIME_DIR=/run/ash-case/run ASH_ALLOW_DEGRADED=memory,processes,cpu,disk \
    timeout $((60 * SLOWNESS)) sh -c 'exec 3</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 '"$1"' exec ashd --config /dev/null' 2>&1) || status=$?
  rm -rf /run/ash-case
  equal 78 "$status" "exit of ashd, which said: $TOLD"
}

ashd_does_not_start_with_a_socket_that_it_does_not_know() {
  _starts_with LISTEN_FDNAMES=other
  contains "$TOLD" "the socket \`other\` is not"
  _starts_with LISTEN_FDNAMES=
  contains "$TOLD" "1 sockets were passed with 0 names"
  _starts_with LISTEN_FDNAMES=api
  contains "$TOLD" "the socket \`api\` is of the wrong kind"
}
