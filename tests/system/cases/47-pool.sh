# shellcheck shell=bash
# Sandboxes that are parked before a session asks for them.

DROP_IN=/etc/ash/ash.toml.d/zz-pool.toml # behind those of the machine
_pool() { # PER_AGENT
  printf '[pool]\nper_agent = %s\n' "$1" >$DROP_IN && systemctl reload ashd.service
}
_clean() { rm -f $DROP_IN && systemctl reload ashd.service; }
_warm() { [ "$(health | jq .pool.warm)" = 1 ]; }
_none_parked() { [ -z "$(_parked)" ]; }

# The ids of scopes that are no session's.
_parked() {
  comm -13 <(api GET '/api/sessions?limit=1000' | jq -r '.sessions[].id' | sort) \
    <(systemctl list-units --no-legend --plain 'ash-s-*.scope' | awk '{print $1}' |
      sed 's/^ash-s-//; s/\.scope$//' | sort)
}

a_session_gets_the_scope_the_user_and_the_limits_that_it_would_have_had() {
  local first parked claimed pid name uid
  _pool 1
  first=$(new_session)
  ask "$first" '[[say:up]]' >/dev/null
  within 30 _warm
  parked=$(_parked)
  equal 1 "$(wc -l <<<"$parked")" "parked scopes"
  equal active "$(property "$(scope_of "$parked")" ActiveState)"
  pid=$(process_of "$parked" claude)
  claimed=$(new_session)
  equal "$parked" "$claimed" "the session that is given it"
  contains "$(ask "$claimed" '[[say:here]]')" here
  equal "$pid" "$(process_of "$claimed" claude)" "its Claude Code"
  for name in MemoryMax MemoryHigh MemorySwapMax TasksMax CPUQuotaPerSecUSec CPUWeight IOWeight Slice OOMPolicy; do
    equal "$(property "$(scope_of "$first")" $name)" "$(property "$(scope_of "$claimed")" $name)" "$name"
  done
  uid=$(stat -c %u "/proc/$pid")
  equal "$uid" "$(stat -c %u "/var/lib/ash/sessions/$claimed/home")" "the user of its files"
  [ "$uid" != "$(stat -c %u "/proc/$(process_of "$first" claude)")" ] || fail "both have the user $uid"
  _clean
  within 10 _none_parked
}

what_is_parked_ends_with_ashd_and_what_is_claimed_does_not() {
  local parked claimed pid how
  _pool 1
  new_session >/dev/null
  within 30 _warm
  claimed=$(new_session)
  ask "$claimed" '[[say:up]]' >/dev/null
  pid=$(process_of "$claimed" claude)
  for how in restart kill; do
    new_session >/dev/null
    within 30 _warm
    parked=$(_parked)
    case $how in
      restart) systemctl restart ashd.service ;;
      kill) systemctl kill --signal=KILL ashd.service ;;
    esac
    within 30 health
    within 10 _none_parked
    _gone() { [ ! -e "/var/lib/ash/sessions/$parked" ]; }
    within 10 _gone
    equal "$pid" "$(process_of "$claimed" claude)" "the Claude Code of the session after a $how"
    contains "$(ask "$claimed" '[[recall]]')" 'up' "the answer after a $how"
  done
  _clean
}
