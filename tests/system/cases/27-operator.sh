# shellcheck shell=bash
# What an administrator does: the key, the figures, the drain.

a_credential_that_is_set_is_used_at_once() {
  local session told
  printf %s sk-ant-wrong | ashctl credential set anthropic-api-key
  session=$(new_session)
  if told=$(ask "$session" '[[say:one]]' 2>&1); then fail "a wrong key was answered: $told"; fi
  printf '%s\n' "$MODEL_KEY" | ashctl credential set anthropic-api-key
  equal "600 root" "$(stat -c '%a %U' /etc/credstore/anthropic-api-key)"
  contains "$(ask "$session" '[[say:two]]')" two "the answer with the right key"
  if setpriv --reuid=nobody --regid=nogroup --clear-groups ashctl credential set anthropic-api-key </dev/null; then fail "nobody set it"; fi
}

a_credential_is_encrypted_to_the_machine() {
  local session
  command -v systemd-creds >/dev/null || skip "this systemd has no systemd-creds"
  systemd-creds setup >/dev/null 2>&1 || skip "this machine makes no key for systemd-creds"
  printf %s "$MODEL_KEY" | ashctl credential set anthropic-api-key --encrypt
  [ ! -e /etc/credstore/anthropic-api-key ] || fail "the plain one is still there"
  lacks "$(cat /etc/credstore.encrypted/anthropic-api-key)" "$MODEL_KEY"
  session=$(new_session)
  contains "$(ask "$session" '[[say:three]]')" three
  printf %s "$MODEL_KEY" | ashctl credential set anthropic-api-key
  [ ! -e /etc/credstore.encrypted/anthropic-api-key ] || fail "the encrypted one is still there"
  contains "$(ask "$session" '[[say:four]]')" four
}

top_tells_what_the_kernel_counts() {
  local session told
  session=$(new_session)
  ask "$session" '[[say:one]]' >/dev/null
  told=$(ashctl top -o json | jq -e --arg id "$session" '.sessions[] | select(.session == $id)')
  jq -e '.outputTokens > 0' <<<"$told" || fail "no tokens: $told"
  ! grep -qw pids "$CGROUP/cgroup.controllers" || jq -e '.tasks > 1' <<<"$told" || fail "no tasks: $told"
  jq -e '.cpuMicroseconds > 0' <<<"$told" || fail "no processor time: $told"
}

a_drain_takes_nothing_new_and_waits_for_what_runs() {
  local session told
  session=$(new_session)
  trap 'ashctl drain --undo >/dev/null; clean_up' EXIT # or every case behind this one is refused
  ask "$session" '[[say:0123456789]][[chunks:10:500]]' >/run/ash-case.told 2>&1 &
  busy() { [ "$(api GET "/api/sessions/$session" | jq .session.busy)" = true ]; }
  within 20 busy
  told=$(curl --silent --include --unix-socket /run/ash/admin.sock --request POST http://ash/api/drain)
  contains "$told" "$session"
  told=$(curl --silent --include --unix-socket /run/ash/admin.sock --request POST http://ash/api/sessions --data '{"agent":"hello"}')
  contains "$told" "503"
  contains "$told" "retry-after: 60"
  contains "$(ashctl drain --timeout $((60 * SLOWNESS)))" "no turn runs"
  wait $!
  contains "$(cat /run/ash-case.told)" 0123456789 "the answer that ran"
  ashctl drain --undo
  contains "$(ask "$session" '[[say:again]]')" again
}

another_machine_is_operated_over_ssh() {
  local folder=/run/ash-case.ssh
  mkdir -p $folder
  ssh-keygen -q -t ed25519 -N '' -f $folder/host
  ssh-keygen -q -t ed25519 -N '' -f $folder/user
  systemd-run --quiet --unit=ash-case-sshd --property=RuntimeDirectory=sshd /usr/sbin/sshd -D -e -f /dev/null -p 2222 \
    -o ListenAddress=127.0.0.1 -o HostKey=$folder/host -o AuthorizedKeysFile=$folder/user.pub -o StrictModes=no -o UsePAM=no
  mkdir -p /etc/ssh/ssh_config.d
  printf '%s\n' 'Host ash-case' 'HostName 127.0.0.1' 'Port 2222' 'User root' "IdentityFile $folder/user" \
    "UserKnownHostsFile $folder/known" 'StrictHostKeyChecking accept-new' >/etc/ssh/ssh_config.d/ash-case.conf
  within 10 ssh ash-case true
  contains "$(ashctl -H ash-case status)" ashd status
  local session
  session=$(ashctl -H ash-case session create hello -o id)
  contains "$(ashctl -H ash-case send "$session" '[[say:over ssh]]')" "over ssh" "the answer"
  ashctl -H ash-case session end "$session"
  systemctl stop ash-case-sshd
  rm -r $folder /etc/ssh/ssh_config.d/ash-case.conf
}
