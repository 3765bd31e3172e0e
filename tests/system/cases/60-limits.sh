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
