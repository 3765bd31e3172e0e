# shellcheck shell=bash
# What a session takes of the disk: limited by the kernel where `ashctl quota set-up` has run, else looked
# at and told.

_disk() { health | jq -r .isolation.disk; }
_limited() { new_session '{"agent":"hello","limits":{"diskMib":32,"diskFiles":2000}}'; } # : a session with little room
_codes() { # SESSION : of its errors
  api GET "/api/sessions/$1/events?limit=1000" | jq -r '.events[] | select(.type == "error") | .data | fromjson | .code // empty'
}

the_wall_of_the_disk_is_what_the_probe_found() {
  local expected=soft
  ! own_kernel || expected=hard
  equal "$expected" "$(_disk)" "the wall"
  if [ "$expected" = hard ]; then
    contains "$(findmnt -no OPTIONS /var/lib/ash/sessions)" prjquota
  else
    contains "$(health | jq -r '.isolation.notes | join(" ")')" "ashctl quota set-up"
  fi
  [ ! -e /var/lib/ash/sessions/.probe ] || fail "the probe left its folder"
}

the_disk_of_a_session_is_limited_by_the_kernel() {
  [ "$(_disk)" = hard ] || skip "this machine's kernel has no project quotas; the vm has"
  local session sibling told uid
  session=$(_limited)
  sibling=$(new_session)
  told=$(in_sandbox "$session" 'dd if=/dev/zero of=/workspace/big bs=1M count=64 2>&1; df -m /workspace | tail -1')
  contains "$told" "Disk quota exceeded"
  # The home counts as well, and is full too.
  contains "$(in_sandbox "$session" 'dd if=/dev/zero of=/home/agent/more bs=1M count=8 2>&1 || true')" "Disk quota exceeded" "the home"
  # Nobody else is.
  lacks "$(in_sandbox "$sibling" 'dd if=/dev/zero of=/workspace/big bs=1M count=64 2>&1')" exceeded "the sibling"
  ashctl session exec "$session" -- rm -f /workspace/big /home/agent/more
  contains "$(ask "$session" '[[say:on]]')" on "the session goes on"
  # shellcheck disable=SC2016 # the shell in the sandbox expands it
  told=$(in_sandbox "$session" 'i=0; while [ $i -lt 40 ]; do i=$((i + 1)); touch /workspace/$i-{1..64} || break; done 2>&1 | tail -1; rm -f /workspace/*-*')
  contains "$told" "Disk quota exceeded" "files"
  uid=$(stat -c %u "/var/lib/ash/sessions/$session/workspace")
  contains "$(lsattr -pd "/var/lib/ash/sessions/$session")" "$uid" "the project"
}

no_way_of_a_sandbox_leads_out_of_its_quota() {
  [ "$(_disk)" = hard ] || skip "this machine's kernel has no project quotas; the vm has"
  local session told
  session=$(_limited)
  told=$(in_sandbox "$session" 'mkdir d; touch f; chattr -p 0 d f 2>&1; chattr -P d 2>&1; lsattr -p d 2>&1; lsattr -pd d f; echo end')
  lacks "$told" "    0 " "a project that was taken off"
  [[ $told == *"setting project"* || $told == *"not permitted"* || $told == *"Invalid argument"* ]] || fail "not refused: $told"
  # The same from outside of the sandbox, by root, succeeds: so it was the sandbox that held.
  chattr -p 0 "/var/lib/ash/sessions/$session/workspace/f"
  contains "$(lsattr -p "/var/lib/ash/sessions/$session/workspace/f")" "    0 "
}

a_fork_and_a_restored_session_have_their_own_quota() {
  [ "$(_disk)" = hard ] || skip "this machine's kernel has no project quotas; the vm has"
  local session fork
  session=$(_limited)
  in_sandbox "$session" 'dd if=/dev/zero of=/workspace/half bs=1M count=20 2>&1' >/dev/null
  fork=$(api POST "/api/sessions/$session/fork" '{}' | jq -er .session.id)
  echo "$fork" >>/run/ash-case.sessions
  contains "$(in_sandbox "$fork" 'dd if=/dev/zero of=/workspace/more bs=1M count=20 2>&1')" "Disk quota exceeded" "the fork"
  lacks "$(in_sandbox "$session" 'dd if=/dev/zero of=/workspace/more bs=1M count=4 2>&1')" exceeded "what it was forked from"
}

a_session_that_takes_too_much_of_the_disk_is_told_and_stopped() {
  [ "$(_disk)" = soft ] || skip "the kernel limits the disk here; the container's does not"
  local session
  session=$(_limited)
  ask "$session" '[[tool:Bash:{"command":"dd if=/dev/zero of=/workspace/big bs=1M count=64; sleep 60","description":"fill","timeout":90000}]][[say:filled]]' >/dev/null 2>&1 || true
  contains "$(_codes "$session")" disk_quota_reached "the first turn"
  # The next is refused, and so are files of clients.
  ask "$session" '[[say:no]]' >/dev/null 2>&1 || true
  equal 2 "$(_codes "$session" | grep -c disk_quota_reached)" "turns that were told"
  if ashctl session put "$session" /etc/hostname hostname 2>/run/ash-case.told; then fail "a file was taken"; fi
  contains "$(cat /run/ash-case.told)" "more than they may"
  ashctl session exec "$session" -- rm /workspace/big
  contains "$(ask "$session" '[[say:on]]')" on "with room again"
}
