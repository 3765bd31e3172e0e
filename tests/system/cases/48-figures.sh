# shellcheck shell=bash
# What the start and the end of a sandbox take on this machine. Nothing is judged, it is printed.

ROUNDS=${ASH_TEST_ROUNDS:-20}
_drop_in=/etc/ash/ash.toml.d/zz-prepared.toml
# timed METHOD PATH [BODY] : the milliseconds from the request to the whole answer
_timed() {
  curl --silent --show-error --fail --output /run/ash-case.answer --write-out '%{time_total}' --max-time 60 \
    --unix-socket /run/ash/admin.sock --request "$1" ${3+--header 'content-type: application/json' --data "$3"} "http://ash$2" |
    awk '{print $1 * 1000}'
}
_figures() { # WHAT : of the numbers in its input
  sort -n | awk -v what="$1" '{all[NR] = $1}
    function at(percent, place) { place = int((NR * percent + 99) / 100); return all[place < 1 ? 1 : place] }
    END {printf "# %s: n %d, p50 %.1f, p95 %.1f, p99 %.1f ms\n", what, NR, at(50), at(95), at(99)}'
}
_pss() { # PID... : KiB
  local pid
  for pid in "$@"; do sed -n 's/^Pss: *\([0-9]*\).*/\1/p' "/proc/$pid/smaps_rollup"; done | awk '{all += $1} END {print all}'
}

figures_of_starts_and_ends() {
  local prepared session pid launch='' scopes
  with_fake_cli
  echo "# $(systemctl --version | head -n 1), Linux $(uname -r), load average $(cut -d ' ' -f 1-3 /proc/loadavg)"
  for prepared in 4 0 4 0; do
    printf '[sandbox]\nprepared = %s\n' "$prepared" >$_drop_in
    systemctl restart ashd.service
    within 20 health
    rm -f /run/ash-case.{create,end,stop,resume}
    for _ in $(seq "$ROUNDS"); do
      [ "$prepared" = 0 ] || within 20 prepared_scopes_are_ready
      _timed POST /api/sessions '{"agent":"hello"}' >>/run/ash-case.create
      session=$(jq -er .session.id /run/ash-case.answer)
      echo "$session" >>/run/ash-case.sessions
      _timed POST "/api/sessions/$session/stop" >>/run/ash-case.stop
      _timed POST "/api/sessions/$session/resume" >>/run/ash-case.resume
      _timed DELETE "/api/sessions/$session" >>/run/ash-case.end
    done
    _figures "create, prepared = $prepared" </run/ash-case.create
    _figures "resume, cold, prepared = $prepared" </run/ash-case.resume
    _figures "end: nothing of it runs, prepared = $prepared" </run/ash-case.end
  done
  rm $_drop_in
  systemctl restart ashd.service
  within 20 health
  within 20 prepared_scopes_are_ready
  scopes=$(prepared_scopes)
  for session in $scopes; do launch="$launch $(processes_of "$session")"; done
  # shellcheck disable=SC2086 # numbers
  echo "# PSS of $(wc -w <<<"$launch") prepared scopes: $(_pss $launch) KiB"
  session=$(new_session)
  echo "# PSS of a sandbox without its CLI: $(_pss "$(process_of "$session" bwrap)" "$(process_of "$session" bridge)") KiB"
  for pid in ashd ash-sandboxd ash-egress; do
    echo "# PSS of $pid: $(_pss "$(property "$pid.service" MainPID)") KiB"
  done
}
