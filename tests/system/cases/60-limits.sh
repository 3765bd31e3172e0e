# shellcheck shell=bash
# The kernel holds a session to its limits, and ashd says so.

a_session_has_its_limits_from_the_start() {
  needs_limits
  local session cgroup
  session=$(new_session)
  cgroup=$(cgroup_of "$session")
  equal $((800 << 20)) "$(cat "$cgroup/memory.max")" memory.max
  equal 200 "$(cat "$cgroup/pids.max")" pids.max
}

# Four hogs, because a process of User-mode Linux gets slow beyond 256 MiB (its pages are
# mappings of the host, of which a process has 65,530).
# shellcheck disable=SC2016 # the shell in the sandbox expands it
hog='for i in 1 2 3 4; do perl -e "\$held = \"x\" x (230 << 20); sleep 15" & done; wait'

out_of_memory_is_told_as_such_and_hurts_nobody_else() {
  needs_limits
  local session sibling
  sibling=$(new_session)
  session=$(new_session)
  ask "$sibling" 'Remember the word sibling. [[say:yes]]' >/dev/null
  ask "$session" 'Remember the word hog. [[say:yes]]' >/dev/null
  in_sandbox "$session" "$hog" || true # whether the turn goes on is the agent's luck
  told() { api GET "/api/sessions/$session/events?limit=1000" | jq -e 'any(.events[]; .data | contains("out of memory"))'; }
  within 20 told
  contains "$(ask "$sibling" '[[recall]]')" sibling "the sibling"
  equal ok "$(health | jq -r .status)"
  contains "$(ask "$session" '[[recall]]')" hog "the session itself"
}

a_fork_bomb_stays_in_its_session() {
  needs_limits
  local session cgroup
  session=$(new_session)
  ask "$session" '[[say:up]]' >/dev/null
  cgroup=$(cgroup_of "$session")
  ask "$session" '[[tool:Bash:{"command":"bomb() { bomb | bomb & }; bomb; sleep 2; echo survived","description":"bomb","timeout":20000}]][[say:after]]' >/dev/null 2>&1 &
  # The limit per user stands at the same number and may refuse first, which nobody counts; then
  # the highest number of tasks is just below it.
  refused() {
    [ "$(awk '/^max / {print $2}' "$cgroup/pids.events")" -gt 0 ] ||
      [ "$(cat "$cgroup/pids.peak")" -ge $(($(cat "$cgroup/pids.max") * 9 / 10)) ]
  }
  within 30 refused
  [ "$(cat "$cgroup/pids.current")" -le "$(cat "$cgroup/pids.max")" ] || fail "more tasks than allowed"
  equal ok "$(health | jq -r .status)"
  ashctl session end "$session"
  wait $! || true
  [ ! -d "$cgroup" ] || within 5 test ! -d "$cgroup"
}

all_sandboxes_together_are_limited() {
  needs_limits
  local session
  session=$(new_session)
  ask "$session" '[[say:up]]' >/dev/null
  [ "$(cat "$CGROUP/ash.slice/ash-sandbox.slice/memory.max")" != max ] || fail "no memory limit on the slice"
  [ "$(cat "$CGROUP/ash.slice/ash-sandbox.slice/pids.max")" != max ] || fail "no task limit on the slice"
}

# What the agent and the session wish, and what systemd was told; the kernel where it counts.
a_session_has_the_lower_limits_that_it_and_its_agent_wish() {
  local session unit cgroup refused
  ashctl deploy /ash-test/agents/hello --name limited --limit tasks=150 --limit cpuWeight=50
  session=$(ashctl session create limited --limit memoryMib=700 --limit cpuPercent=50 --limit tasks=120 -o id)
  unit=ash-s-$session.scope
  equal $((700 << 20)) "$(systemctl show "$unit" -P MemoryMax)" MemoryMax
  equal 120 "$(systemctl show "$unit" -P TasksMax)" "TasksMax, the session's own"
  equal 50 "$(systemctl show "$unit" -P CPUWeight)" "CPUWeight, the agent's"
  equal 500ms "$(systemctl show "$unit" -P CPUQuotaPerSecUSec)" CPUQuotaPerSecUSec
  equal "700 120" "$(api GET "/api/sessions/$session" | jq -r '.session.limits | "\(.memoryMib) \(.tasks)"')"
  if grep -qw memory "$CGROUP/cgroup.controllers"; then
    cgroup=$(cgroup_of "$session")
    equal $((700 << 20)) "$(cat "$cgroup/memory.max")" memory.max
    equal 120 "$(cat "$cgroup/pids.max")" pids.max
    equal "50000 100000" "$(cat "$cgroup/cpu.max")" cpu.max
  fi
  ashctl session stop "$session"
  contains "$(ask "$session" '[[say:again]]')" again
  equal 120 "$(systemctl show "$unit" -P TasksMax)" "TasksMax after a stop"
  refused=$(ashctl session create limited --limit memoryMib=801 2>&1) && fail "more than the host allows"
  contains "$refused" "limits.memoryMib"
  contains "$refused" "sandbox.memory_mib"
  ashctl session end "$session"
  ashctl agent delete limited
}

# Each wish is tried against a sibling that has the host's limits and does the same without harm.
a_lower_limit_of_memory_kills_in_that_session_alone_and_is_told() {
  needs_limits
  local session sibling
  # shellcheck disable=SC2016 # the shell in the sandbox expands it
  local hog='for i in 1 2 3; do perl -e "\$held = \"x\" x (70 << 20); sleep 10" & done; wait; echo end'
  session=$(new_session '{"agent":"hello","limits":{"memoryMib":400}}')
  sibling=$(new_session)
  contains "$(in_sandbox "$sibling" "$hog")" end "the sibling"
  in_sandbox "$session" "$hog" >/dev/null || true
  told() { api GET "/api/sessions/$session/events?limit=1000" | jq -e 'any(.events[]; .data | contains("out of memory"))'; }
  within 20 told
  lacks "$(api GET "/api/sessions/$sibling/events?limit=1000")" "out of memory"
  contains "$(ask "$session" '[[say:on]]')" on "the session goes on"
}

a_lower_limit_of_tasks_refuses_in_that_session_alone() {
  needs_limits
  local session sibling cgroup
  # Bash ends at the first fork that is refused for long; what it started until then is counted.
  # shellcheck disable=SC2016 # the shell in the sandbox expands it
  local crowd='for i in $(seq 80); do sleep 5 & done 2>/dev/null; jobs -r | wc -l; kill $(jobs -p)'
  session=$(new_session '{"agent":"hello","limits":{"tasks":60}}')
  sibling=$(new_session)
  equal 80 "$(in_sandbox "$sibling" "$crowd" | head -1)" "tasks of the sibling"
  in_sandbox "$session" "$crowd" >/dev/null 2>&1 || true
  cgroup=$(cgroup_of "$session")
  [ "$(cat "$cgroup/pids.peak")" -le 60 ] || fail "$(cat "$cgroup/pids.peak") tasks"
  [ "$(cat "$cgroup/pids.peak")" -ge 50 ] || fail "it was not tried: $(cat "$cgroup/pids.peak") tasks"
  contains "$(ask "$session" '[[say:on]]')" on "the session goes on"
}

# _share SESSION : the processor time that a busy turn of it took, in percent of its length
_share() {
  local before began
  # shellcheck disable=SC2016 # the shell in the sandbox expands it
  local spin='end=$((SECONDS + 5)); while [ $SECONDS -lt $end ]; do :; done'
  _used() { sed -n 's/^usage_usec //p' "$(cgroup_of "$1")/cpu.stat"; }
  ask "$1" '[[say:up]]' >/dev/null
  before=$(_used "$1")
  began=$(date +%s%N)
  in_sandbox "$1" "$spin" >/dev/null
  echo $((($(_used "$1") - before) * 100000 / ($(date +%s%N) - began)))
}

a_lower_limit_of_the_processor_slows_that_session_alone() {
  needs_limits
  local session sibling held free
  session=$(new_session '{"agent":"hello","limits":{"cpuPercent":20}}')
  sibling=$(new_session)
  held=$(_share "$session")
  free=$(_share "$sibling")
  [ "$held" -le 25 ] || fail "it took $held % of a processor"
  [ "$(sed -n 's/^nr_throttled //p' "$(cgroup_of "$session")/cpu.stat")" -gt 0 ] || fail "it was never held up"
  [ "$free" -gt "$held" ] || fail "the sibling took $free %, and the limited one $held %"
}

lower_limits_of_files_hold_for_every_process() {
  local session told
  session=$(new_session '{"agent":"hello","limits":{"fileMib":64,"openFiles":1024,"tmpMib":1,"shmMib":1}}')
  told=$(in_sandbox "$session" 'ulimit -Hn; dd if=/dev/zero of=/workspace/big bs=1M count=70 2>&1 | head -1; stat -c %s /workspace/big; dd if=/dev/zero of=/tmp/big bs=1M count=2 2>&1 | head -1; dd if=/dev/zero of=/dev/shm/big bs=1M count=2 2>&1 | head -1')
  contains "$told" 1024 "open files"
  contains "$told" $((64 << 20)) "the size of a file"
  contains "$told" "'/tmp/big': No space left" "a full /tmp"
  contains "$told" "'/dev/shm/big': No space left" "a full /dev/shm"
}
