# shellcheck shell=bash
# Sessions come and go, and nothing of them adds up. How many: ASH_TEST_CYCLES of `run`.

# What there is of sandboxes on this machine, one count for each kind.
_counts() {
  local pid
  echo "processes of sandboxes $(ps -eo uid= | awk '$1 >= 1878917120 && $1 < 1878982656' | wc -l)"
  echo "units $(systemctl list-units --all --no-legend --plain 'ash-*.scope' | wc -l)"
  echo "control groups $(find "$CGROUP" -type d -name 'ash-*.scope' | wc -l)"
  echo "mounts of the host $(wc -l </proc/1/mountinfo)"
  for pid in ashd ash-sandboxd ash-egress; do
    echo "mounts of $pid $(wc -l <"/proc/$(property "$pid.service" MainPID)/mountinfo")"
  done
  echo "sockets $(ss -xalH | grep -c ' /run/ash/[sj]/')"
  echo "folders of sockets and notes $(find /run/ash/s /run/ash/j /run/ash/sandboxes -mindepth 1 | wc -l)"
  echo "folders of sessions $(find /var/lib/ash/sessions -mindepth 1 -maxdepth 1 ! -name lost+found | wc -l)"
}
_descriptors() { find "/proc/$(property "$1.service" MainPID)/fd" -mindepth 1 | wc -l; } # UNIT

sessions_that_come_and_go_leave_nothing() {
  local count before after session uid first started unit descriptors
  count=$(cat /ash-test/cycles)
  ! emulated || count=$(((count + SLOWNESS - 1) / SLOWNESS))
  # The files of an ended session go with the next sweep, which a start of ashd begins with.
  printf '[sessions]\nkeep_ended_hours = 0\n' >/etc/ash/ash.toml.d/cycles.toml
  _swept() { systemctl restart ashd.service && within 20 health && _no_ended; }
  _no_ended() {
    _gone() { [ "$(find /var/lib/ash/sessions -mindepth 1 -maxdepth 1 ! -name lost+found | wc -l)" = "$(api GET '/api/sessions?limit=1000' | jq '[.sessions[] | select(.status != "ended")] | length')" ]; }
    within 60 _gone
  }
  _swept
  session=$(ashctl session create hello -o id)
  first=$(stat -c %u "/var/lib/ash/sessions/$session/home")
  ashctl session end "$session" >/dev/null
  _swept
  before=$(_counts)
  descriptors=$(_descriptors ash-sandboxd)
  started=$(date +%s%N)
  for _ in $(seq "$count"); do
    session=$(ashctl session create hello -o id)
    ashctl session end "$session" >/dev/null
  done
  echo "$count sessions came and went in $((($(date +%s%N) - started) / 1000000)) ms"
  unit=$(_descriptors ash-sandboxd)
  [ "$unit" -le $((descriptors + 4)) ] || fail "ash-sandboxd has $unit descriptors, and had $descriptors"
  _swept
  after=$(_counts)
  equal "$before" "$after" "what is there"
  session=$(new_session)
  uid=$(stat -c %u "/var/lib/ash/sessions/$session/home")
  equal "$first" "$uid" "the user of the next sandbox"
  rm /etc/ash/ash.toml.d/cycles.toml
  systemctl restart ashd.service
}
