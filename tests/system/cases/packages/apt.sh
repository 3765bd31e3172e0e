# shellcheck shell=bash
# From an empty machine to a purged one, in this order: what apt makes of our repository.

_repository() { # FOLDER of the share
  printf '%s\n' 'Types: deb' "URIs: file:/ash-test/$1" 'Suites: stable' 'Components: main' \
    "Signed-By: /ash-test/$1/ash.asc" >/etc/apt/sources.list.d/ash.sources
  _apt update
}
_apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root "$@" 2>&1
}
_version() { dpkg-query --show --showformat '${Version}' "$1"; }
_processes() { pgrep --list-full '^(ashd|ash-|bwrap)' | grep -v messages-api || true; }

who_had_the_shell_keeps_it() {
  # shellcheck disable=SC2144 # there is one, or none
  [ -e /ash-test/shell/ash_*.deb ] || skip "this release has no shell in a package named ash"
  dpkg --install /ash-test/shell/ash_*.deb
  equal /bin/ash "$(dpkg-query --listfiles ash | grep -x /bin/ash)"
  _repository apt
  contains "$(_apt dist-upgrade)" "stays a link to dash" "what the upgrade says"
  contains "$(_version ash)" 1: version
  equal yes "$(/bin/ash -c 'echo yes')" "the shell"
  _apt purge ash ashd ashctl >/dev/null
  [ ! -e /bin/ash ] || fail "the link is left behind"
}

apt_install_ash_brings_a_daemon_that_serves() {
  _repository apt
  _apt install ash >/run/ash-case.apt
  equal active "$(property ashd.service ActiveState)"
  equal enabled "$(systemctl is-enabled ashd.service)"
  contains "$(health)" '"status":"ok"'
  ashctl status
  lacks "$(cat /run/ash-case.apt)" rror: "what apt says"
  dpkg --verify ash ashd ashctl
}

an_agent_is_deployed_and_answers() {
  ashctl deploy /ash-test/agents/hello --name hello
  contains "$(ask "$(new_session)" '[[say:first]]')" first
}

the_manual_and_the_completion_are_there() {
  local page
  for page in man1/ashctl.1 man1/ashctl-session-create.1 man5/ash.toml.5 man7/ash-agent.7 man8/ashd.8; do
    [ -s "/usr/share/man/$page.gz" ] || fail "no $page"
  done
  # The file that bash loads, and what it offers behind `ashctl agent show h`.
  # shellcheck source=/dev/null
  . /usr/share/bash-completion/completions/ashctl
  # shellcheck disable=SC2034 # completion reads them
  COMP_WORDS=(ashctl agent show h) COMP_CWORD=3 COMP_TYPE=9 COMPREPLY=()
  _clap_complete_ashctl ashctl h show
  contains "${COMPREPLY[*]}" hello "what is offered"
}

fifty_streams_outlive_an_upgrade_that_refuses_nobody() {
  local sessions session before processes
  with_fake_cli
  start_streams 50
  processes=$(for session in "${sessions[@]}"; do processes_of "$session"; done | sort)
  # Somebody asks all the time, and is never refused.
  (
    until [ -e /run/ash-case.done ]; do
      health >/dev/null || echo refused >>/run/ash-case.refused
    done
  ) &
  before=$(property ashd.service MainPID)
  _repository apt-next
  _apt dist-upgrade >/run/ash-case.apt
  touch /run/ash-case.done
  wait
  rm /run/ash-case.done
  [ ! -e /run/ash-case.refused ] || fail "$(wc -l </run/ash-case.refused) requests were refused"
  contains "$(_version ashd)" -2 version
  [ "$(property ashd.service MainPID)" != "$before" ] || fail "ashd was not restarted"
  equal "$processes" "$(for session in "${sessions[@]}"; do processes_of "$session"; done | sort)" "processes of the sessions"
  streams_are_whole
}

the_scripts_can_run_twice() {
  /var/lib/dpkg/info/ashd.postinst configure "$(_version ashd)"
  _apt install --reinstall ashd ashctl ash >/dev/null
  within 10 health
  dpkg --verify ash ashd ashctl
}

_schema() { od -A n -t u1 -j 63 -N 1 /var/lib/ash/ash.db | tr -d ' '; }

_note_schema() { # NUMBER : as a later ashd would have
  # shellcheck disable=SC2059 # the byte
  printf "\\$(printf %o "$1")" | dd of=/var/lib/ash/ash.db bs=1 seek=63 conv=notrunc status=none
}

a_downgrade_over_a_newer_schema_changes_nothing() {
  local schema told after before
  schema=$(_schema)
  after=$(_version ashd)
  _repository apt
  before=$(apt-cache show ashctl | sed -n 's/^Version: //p' | sort -V | head -n 1)
  systemctl stop ashd.socket ashd-admin.socket ashd.service
  _note_schema 255
  if told=$(_apt install --allow-downgrades "ashd=$before" "ash=1:$before"); then fail "it was installed: $told"; fi
  contains "$told" "it has schema 255, and this one knows $schema." "what dpkg says"
  equal "$after" "$(_version ashd)" version
  _note_schema "$schema"
  _apt install --allow-downgrades "ashd=$before" "ashctl=$before" "ash=1:$before" >/dev/null
  equal "$before" "$(_version ashd)" "version of before"
  systemctl start ashd.socket ashd-admin.socket ashd.service
  within 10 health
  _repository apt-next
  _apt dist-upgrade >/dev/null
  equal "$after" "$(_version ashd)" "version afterwards"
}

removal_ends_everything_and_keeps_the_sessions() {
  local session
  session=$(api POST /api/sessions '{"agent":"hello"}' | jq -er .session.id)
  ask "$session" 'Remember the word marmalade. [[say:yes]]' >/dev/null
  echo "$session" >"$STATE/kept"
  [ -n "$(_processes)" ] || fail "the search for processes finds none before either"
  _apt remove ash ashd ashctl >/dev/null
  equal "" "$(_processes)" "processes"
  equal "" "$(systemctl list-units --plain --no-legend 'ash*.service' 'ash*.socket' 'ash*.scope')" "units"
  ! curl --silent --max-time 2 http://127.0.0.1:4100/health || fail "somebody answers"
  [ -s /var/lib/ash/ash.db ] || fail "the sessions are gone"
}

an_installation_after_it_knows_them() {
  local session
  session=$(cat "$STATE/kept")
  _apt install ash >/dev/null
  contains "$(ask "$session" '[[recall]]')" marmalade "the answer"
}

a_purge_keeps_the_sessions_unless_it_is_told() {
  contains "$(_apt purge ash ashd ashctl)" "was kept" "what the purge says"
  [ -s /var/lib/ash/ash.db ] || fail "the sessions are gone"
  _apt install ash >/dev/null
  within 10 health
  echo 'ashd ashd/remove-sessions boolean true' | debconf-set-selections
  _apt purge ash ashd ashctl >/dev/null
  local left
  left=$(find /var/lib/ash /var/lib/ash-egress /run/ash /usr/lib/systemd/system/ash* /lib/systemd/system/ash* \
    /etc/systemd/system -name '*ash*' ! -path '*/messages-api*' 2>/dev/null || true)
  equal "" "$left" "files left behind"
  equal "" "$(_processes)" "processes"
}
