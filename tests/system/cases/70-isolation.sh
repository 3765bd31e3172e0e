# shellcheck shell=bash
# What code in a sandbox cannot reach.

# _in_memory PID TEXT : whether TEXT stands in the writable memory of the process.
_in_memory() {
  perl -e 'my ($pid, $text) = @ARGV; open my $maps, "<", "/proc/$pid/maps" or die "maps: $!";
    open my $memory, "<:raw", "/proc/$pid/mem" or die "mem: $!";
    my $step = 1 << 22;
    while (<$maps>) {
      my ($from, $to, $flags) = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/ or next;
      next unless $flags =~ /^rw/;
      ($from, $to) = (hex $from, hex $to);
      for (my $at = $from; $at < $to; $at += $step) {
        sysseek $memory, $at, 0 or next;
        my $size = $to - $at < $step + length $text ? $to - $at : $step + length $text;
        defined sysread $memory, my $bytes, $size or next;
        exit 0 if index($bytes, $text) >= 0;
      }
    }
    exit 1' "$1" "$2"
}

the_model_key_is_nowhere_in_a_sandbox() {
  local session pid
  session=$(new_session)
  # It is a live session: this answer was paid for with the key.
  contains "$(ask "$session" '[[say:paid]]')" paid
  for pid in $(processes_of "$session"); do
    if tr '\0' '\n' <"/proc/$pid/environ" | grep -F "$MODEL_KEY"; then fail "in the environment of process $pid"; fi
    if tr '\0' '\n' <"/proc/$pid/cmdline" | grep -F "$MODEL_KEY"; then fail "in the arguments of process $pid"; fi
    if _in_memory "$pid" "$MODEL_KEY"; then fail "in the memory of process $pid ($(cat "/proc/$pid/comm"))"; fi
  done
  if grep -rlF "$MODEL_KEY" "/var/lib/ash/sessions/$session"; then fail "in a file of the session"; fi
  # The volume of the quotas is read through its files.
  if grep -rlaF --exclude=sessions.img "$MODEL_KEY" /var/lib/ash /run/ash; then fail "in a file of ashd"; fi
  local unit
  for unit in ashd ash-sandboxd; do
    if _in_memory "$(property $unit.service MainPID)" "$MODEL_KEY"; then fail "in the memory of $unit"; fi
  done
  # The search itself finds it where it is.
  _in_memory "$(property ash-egress.service MainPID)" "$MODEL_KEY" || fail "the search does not find it in egress either"
}

a_sandbox_has_no_network_but_its_loopback() {
  local session told
  session=$(new_session)
  told=$(in_sandbox "$session" 'cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d " "')
  equal lo "$told" "network devices"
  # The host's doors are not behind that loopback.
  told=$(in_sandbox "$session" "for port in 4100 $MODEL_PORT 22; do (exec 3<>/dev/tcp/127.0.0.1/\$port) 2>/dev/null && echo open \$port; done; echo end")
  equal end "$told" "open ports"
  told=$(in_sandbox "$session" '(exec 3<>/dev/tcp/10.0.2.2/22) 2>&1 || echo refused')
  contains "$told" unreachable "the network outside"
}

a_sandbox_sees_neither_the_host_nor_another_session() {
  local one two told
  one=$(new_session)
  two=$(new_session)
  in_sandbox "$one" 'echo canary-of-one >/workspace/mine; echo canary-of-one >/tmp/mine; echo written' >/dev/null
  echo canary-of-host >/root/canary
  told=$(in_sandbox "$two" 'cat /root/canary /workspace/mine /tmp/mine /etc/shadow 2>/dev/null
    ls /var/lib/ash /root /home/ash /run/ash/admin.sock /run/systemd /etc/credstore 2>/dev/null
    grep -rl canary-of /proc/[0-9]*/root/root /proc/[0-9]*/cwd/ 2>/dev/null; echo end')
  lacks "$told" canary-of "what the second session reads"
  equal end "$(tail -n 1 <<<"$told")"
  lacks "$told" admin.sock
  lacks "$told" ash.db
  # It reads its own.
  contains "$(in_sandbox "$one" 'cat /workspace/mine')" canary-of-one
}

a_sandbox_sees_its_own_processes_only() {
  local one two told
  one=$(new_session)
  two=$(new_session)
  in_sandbox "$one" 'setsid sleep 6666 >/dev/null 2>&1 & echo started' >/dev/null
  within 5 pgrep -f 'sleep 6666'
  told=$(in_sandbox "$two" 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\0" " "')
  lacks "$told" 'sleep 6666'
  lacks "$told" ashd.service
  contains "$(in_sandbox "$one" 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\0" " "')" 'sleep 6666'
}

a_sandbox_cannot_gain_privileges() {
  local session told
  session=$(new_session)
  told=$(in_sandbox "$session" 'grep -E "^(CapEff|CapBnd|NoNewPrivs|Uid)" /proc/self/status | tr "\t" " "; unshare -Ur true 2>&1 | head -1; touch /usr/x /etc/x 2>&1 | head -2')
  contains "$told" "CapEff: 0000000000000000"
  contains "$told" "CapBnd: 0000000000000000"
  contains "$told" "NoNewPrivs: 1"
  contains "$told" "unshare failed"
  contains "$told" "Read-only file system"
}
