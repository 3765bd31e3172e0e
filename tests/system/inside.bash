# shellcheck shell=bash
# The words that the cases are written in.

STATE=/var/lib/ash-test # what one stage leaves for the next
MODEL_KEY=sk-ant-system-test-51c0ffee51c0ffee
MODEL_PORT=4200
CGROUP=/sys/fs/cgroup

# ---- the machine -------------------------------------------------------------------------------

# What an administrator prepares: the key, the settings, and here also a model API of its own, which
# answers to that key only.
prepare() {
  mkdir -p "$STATE" /etc/ash/ash.toml.d /etc/credstore
  cat >/etc/systemd/system/messages-api.service <<UNIT
[Unit]
Before=ashd.service ash-egress.service
RequiresMountsFor=/ash-test
[Service]
Type=exec
ExecStart=/ash-test/root/usr/libexec/ash-test/ash-messages-api --listen 127.0.0.1:$MODEL_PORT --require-key $MODEL_KEY
DynamicUser=yes
[Install]
WantedBy=multi-user.target
UNIT
  # Small limits, so that a case reaches them soon; the CLI alone needs about 300 MiB.
  printf '%s\n' '[claude]' 'path = "/ash-test/claude/claude"' \
    '[model]' "base_url = \"http://127.0.0.1:$MODEL_PORT\"" \
    '[sandbox]' memory_mib=800 swap_mib=0 tasks=200 >/etc/ash/ash.toml.d/test.toml
  # A container's cgroups may lack these controllers; ashd wants to be told so by name.
  grep -qw memory "$CGROUP/cgroup.controllers" ||
    echo 'allow_degraded = ["memory", "processes", "cpu", "disk"]' >>/etc/ash/ash.toml.d/test.toml
  (umask 077 && printf %s "$MODEL_KEY" >/etc/credstore/anthropic-api-key)
  systemctl daemon-reload
  systemctl enable --quiet --now messages-api.service
}

# Installs what `make install` installs, and starts ashd as an administrator would.
setup() {
  prepare
  cp -a /ash-test/root/. /
  systemd-sysusers
  systemd-tmpfiles --create /usr/lib/tmpfiles.d/ash.conf
  systemctl daemon-reload
  printf %s "$MODEL_KEY" | ashctl credential set anthropic-api-key
  systemctl enable --quiet --now ashd.service || {
    journalctl --no-pager -u ashd.service -u ash-sandboxd.service -u ash-egress.service -n 50
    return 1
  }
  ashctl deploy /ash-test/agents/hello --name hello
}

# ---- judging -----------------------------------------------------------------------------------

fail() {
  echo "$*"
  exit 1
}
skip() {
  echo "$*"
  exit 77
}
failed_at() { echo "line $1: \`$2\` failed"; }
equal() { # EXPECTED ACTUAL [WHAT]
  [ "$1" = "$2" ] || fail "${3:-value}: expected '$1', got '$2'"
}
contains() { # TEXT PART [WHAT]
  [[ $1 == *"$2"* ]] || fail "${3:-text}: no '$2' in: $1"
}
lacks() { # TEXT PART [WHAT]
  [[ $1 != *"$2"* ]] || fail "${3:-text}: '$2' is in: $1"
}
within() { # SECONDS COMMAND... : until it succeeds
  local end=$(($(date +%s%N) + $1 * 1000000000)) seconds=$1
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s%N)" -lt "$end" ] || fail "not within $seconds s: $*"
    sleep 0.05
  done
}
# Cases about limits need the controllers in cgroup v2.
needs_limits() {
  grep -qw memory "$CGROUP/cgroup.controllers" || skip "this machine's cgroups have no memory controller; the vm has"
}

# ---- asking ------------------------------------------------------------------------------------

property() { systemctl show --property "$2" --value "$1"; } # UNIT NAME
# api METHOD PATH [BODY] : over the admin socket
api() {
  curl --silent --show-error --fail-with-body --max-time 60 --unix-socket /run/ash/admin.sock \
    --request "$1" ${3+--header 'content-type: application/json' --data "$3"} "http://ash$2"
}
health() { curl --silent --show-error --fail --max-time 10 http://127.0.0.1:4100/health; }

# new_session [JSON] : prints the id; the session is ended with the case
new_session() {
  local id
  id=$(api POST /api/sessions "${1:-{\"agent\":\"hello\"\}}" | jq -er .session.id)
  echo "$id" >>/run/ash-case.sessions
  echo "$id"
}
clean_up() {
  local id
  trap - ERR
  set +e
  while read -r id; do
    ashctl session end "$id" >/dev/null 2>&1
  done 2>/dev/null </run/ash-case.sessions
  rm -f /run/ash-case.sessions
}
ask() { ashctl send "$1" "$2"; } # SESSION TEXT : prints the answer
# in_sandbox SESSION COMMAND : what the agent's Bash tool makes of it
in_sandbox() {
  local input
  input=$(jq -cn --arg command "$2" '{command: $command, description: "test"}')
  ask "$1" "[[tool:Bash:$input]][[say:done]]" >/dev/null
  tool_output "$1"
}
# The output of the last tool that the session used.
tool_output() {
  api GET "/api/sessions/$1/events?limit=1000" |
    jq -r '[.events[] | select(.type == "tool_result") | .data | fromjson | .content] | last |
      if type == "array" then map(.text // "") | join("\n") else . end'
}

# ---- where it runs -----------------------------------------------------------------------------

scope_of() { echo "ash-s-$1.scope"; }
cgroup_of() { # SESSION : the folder
  local path
  path=$(property "$(scope_of "$1")" ControlGroup)
  [ -n "$path" ] && echo "$CGROUP$path"
}
processes_of() { find "$(cgroup_of "$1")" -name cgroup.procs -exec cat {} +; } # SESSION
# The processes of a session by the name of their program.
process_of() { # SESSION NAME
  local pid
  for pid in $(processes_of "$1"); do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$2" ] || echo "$pid"
  done
}
