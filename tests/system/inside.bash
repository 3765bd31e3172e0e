# shellcheck shell=bash
# The words that the cases are written in.

STATE=/var/lib/ash-test # what one stage leaves for the next
MODEL_KEY=sk-ant-system-test-51c0ffee51c0ffee
MODEL_PORT=4200
CGROUP=/sys/fs/cgroup

# own_kernel : whether the machine has one, and does not share the host's
own_kernel() { [[ ${KIND%% *} == @(vm|qemu) ]]; }
emulated() { [ "${KIND%% *}" = qemu ]; }
# How much longer things may take than where the processor is a real one.
SLOWNESS=1
! emulated || SLOWNESS=15

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
  # What presses on the memory of a host that is shared is not the machine's.
  own_kernel || printf '%s\n' '[tiers]' pressure_percent=0 >>/etc/ash/ash.toml.d/test.toml
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
  # What the package does where AppArmor knows namespaces.
  if own_kernel && [ -e /etc/apparmor.d/abi/4.0 ]; then
    cp /usr/share/ash/apparmor/ash-sandbox /etc/apparmor.d/
    apparmor_parser --replace /etc/apparmor.d/ash-sandbox
  fi
  # With a kernel of its own, what an administrator would do for the disk, too.
  ! own_kernel || ashctl quota set-up --size 2
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
  local seconds=$(($1 * SLOWNESS)) end
  end=$(($(date +%s%N) + seconds * 1000000000))
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
  curl --silent --show-error --fail-with-body --max-time $((60 * SLOWNESS)) --unix-socket /run/ash/admin.sock \
    --request "$1" ${3+--header 'content-type: application/json' --data "$3"} "http://ash$2"
}
health() { curl --silent --show-error --fail --max-time $((10 * SLOWNESS)) http://127.0.0.1:4100/health; }

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
  [ ! -e /etc/ash/ash.toml.d/zz-fake.toml ] || with_real_cli
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

# ---- many streams --------------------------------------------------------------------------------

STREAMED=/run/ash-case.streams # what each client has, whole events only
PIECES=120                     # of a streamed answer
PIECE_MS=$((200 * SLOWNESS))

# with_fake_cli : from now on sessions run the fake CLI, fifty of which fit where a few real ones do.
with_fake_cli() {
  printf '[claude]\npath = "/ash-test/root/usr/libexec/ash-test/ash-fake-claude"\n' >/etc/ash/ash.toml.d/zz-fake.toml
  systemctl reset-failed ashd.service
  systemctl restart ash-sandboxd.service ashd.service
  within 20 health
}
with_real_cli() {
  rm -f /etc/ash/ash.toml.d/zz-fake.toml
  systemctl reset-failed ashd.service
  systemctl restart ash-sandboxd.service ashd.service
  within 20 health
}
said_by() { for ((piece = 0; piece < PIECES; piece++)); do printf '%s-%d.' "${1:0:8}" "$piece"; done; } # SESSION

# whole_events : of what a connection had, those that were not cut
whole_events() { awk '/^(id|event|data):/ {event = event $0 "\n"} /^$/ {printf "%s", event (event == "" ? "" : "\n"); event = ""}'; }

# stream_from SESSION : says one message and follows its turn to the end. After each loss of its connection
# it comes back behind its last event; a connection that is refused is noted.
stream_from() {
  local file=$STREAMED/$1 last=0 status key body
  key=$(cat /var/lib/ash/initial-api-key)
  body=$(jq -cn --arg text "[[say:$(said_by "$1")]][[chunks:$PIECES:$PIECE_MS]]" '{content: $text, includePartialMessages: true}')
  : >"$file"
  until grep -qx 'event: done' "$file"; do
    status=0
    curl --silent --no-buffer --max-time $((120 * SLOWNESS)) --header "authorization: Bearer $key" --header 'idempotency-key: one' \
      --header "last-event-id: $last" --header 'content-type: application/json' --data "$body" \
      "http://127.0.0.1:4100/api/sessions/$1/messages" >"$file.part" || status=$?
    [ $status != 7 ] || echo "$1" >>"$STREAMED/refused"
    whole_events <"$file.part" >>"$file"
    last=$(sed -n 's/^id: //p' "$file" | tail -n 1)
    last=${last:-0}
    echo "$last" >>"$file.connections"
  done
}

# start_streams COUNT : that many sessions stream when it returns; their ids are in `sessions`
start_streams() {
  local at session
  rm -rf "$STREAMED"
  mkdir "$STREAMED"
  sessions=()
  for ((at = 0; at < $1; at++)); do sessions+=("$(new_session '{"agent":"hello"}')"); done
  for session in "${sessions[@]}"; do stream_from "$session" & done
  within 60 streams_go_on
}
streams_go_on() {
  local session
  for session in "${sessions[@]}"; do
    grep -q text_delta "$STREAMED/$session.part" || return
    ! grep -qx 'event: done' "$STREAMED/$session.part" || return
  done
}

# streams_are_whole : nobody was refused, each client has exactly what is stored, and that is what the CLI said
streams_are_whole() {
  local session
  [ ! -e "$STREAMED/refused" ] || fail "$(wc -l <"$STREAMED/refused") connections were refused"
  for session in "${sessions[@]}"; do
    api GET "/api/sessions/$session/stream?after=0&until=done&includePartialMessages=true" | whole_events |
      awk 'BEGIN {RS = ""; ORS = "\n\n"} !/\nevent: user_message\n/' >"$STREAMED/stored"
    cmp "$STREAMED/stored" "$STREAMED/$session" || fail "a client of $session has something else than what is stored"
    equal "$(said_by "$session")" "$(sed -n '/^event: text_delta$/{n;s/^data: //p}' "$STREAMED/$session" | jq -rj .delta)" "what was said"
    [ "$(wc -l <"$STREAMED/$session.connections")" -gt 1 ] || fail "the connection of $session was never lost"
  done
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
