# shellcheck shell=bash
# What turns used, by the kernel's own count.

# _used SESSION MEMBER : of the sums of a session's turns
_used() { api GET "/api/usage/stats?sessionId=$1" | jq -r ".stats.$2"; }

the_usage_of_a_turn_is_what_its_control_group_counted() {
  local session cgroup used counted before
  session=$(new_session)
  cgroup=$(cgroup_of "$session")
  ask "$session" '[[say:up]]' >/dev/null
  before=$(_used "$session" totalCpuSeconds)
  # A second of one core, at the least.
  in_sandbox "$session" 'perl -e "1 while times < 1"'
  counted=$(awk '/^usage_usec/ {print $2}' "$cgroup/cpu.stat")
  used=$(_used "$session" totalCpuSeconds)
  jq -en --argjson used "$used" --argjson before "$before" '$used - $before >= 1' || fail "the turn used $before to $used s"
  jq -en --argjson used "$used" --argjson counted "$counted" '$used * 1e6 <= $counted' || fail "$used s are recorded, and $counted us are counted"
  jq -en --argjson used "$used" --argjson counted "$counted" '$used * 1e6 > $counted * 0.8' || fail "only $used s of $counted us are recorded"
}

the_peak_of_memory_is_the_kernels() {
  local session cgroup peak used
  session=$(new_session)
  cgroup=$(cgroup_of "$session")
  [ -e "$cgroup/memory.peak" ] || skip "memory is not controlled here, or the kernel has no memory.peak"
  # shellcheck disable=SC2016 # the shell in the sandbox reads it
  in_sandbox "$session" 'perl -e "\$held = \"x\" x (50 << 20)"'
  used=$(_used "$session" peakMemoryBytes)
  peak=$(cat "$cgroup/memory.peak")
  [ "$used" -gt $((50 << 20)) ] || fail "the peak is told as $used"
  [ "$used" -le "$peak" ] || fail "$used is recorded, and $peak is counted"
}

what_is_read_and_written_is_counted_where_the_kernel_does() {
  local session cgroup
  session=$(new_session)
  cgroup=$(cgroup_of "$session")
  in_sandbox "$session" 'dd if=/dev/zero of=/workspace/big bs=1M count=8 conv=fsync 2>/dev/null; rm /workspace/big'
  if [ -e "$cgroup/io.stat" ]; then
    [ "$(_used "$session" totalWrittenBytes)" != null ] || fail "nothing is told of the bytes that were written"
  else
    equal null "$(_used "$session" totalWrittenBytes)" "bytes that nobody counted"
  fi
}

what_claude_code_tells_is_what_went_out() {
  local session told metered
  session=$(new_session)
  ask "$session" '[[say:one]]' >/dev/null
  ask "$session" '[[say:two]]' >/dev/null
  equal 2 "$(_used "$session" totalTurns)" turns
  told=$(api GET "/api/usage/stats?sessionId=$session" | jq '.stats | .totalInputTokens + .totalOutputTokens + .totalCacheReadTokens + .totalCacheCreationTokens')
  metered=$(api GET "/api/sessions/$session" | jq .session.usage.tokens)
  equal "$metered" "$told" "tokens, as ash-egress and Claude Code count"
}

the_metrics_are_there_for_who_may_read_them() {
  local page
  page=$(api GET /metrics)
  contains "$page" "# TYPE ash_up gauge"
  contains "$page" "ash_pool_max_capacity "
  equal 401 "$(curl --silent --output /dev/null --write-out '%{http_code}' http://127.0.0.1:4100/metrics)" "without a key"
}
