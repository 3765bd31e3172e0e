# shellcheck shell=bash
# The machine was rebooted.

ashd_is_back_after_a_reboot() {
  within 20 systemctl is-active ashd.service
  equal ok "$(health | jq -r .status)"
}

no_sandbox_is_told_as_alive_after_a_reboot() {
  equal "" "$(systemctl list-units --no-legend --plain 'ash-s-*.scope')" scopes
  equal 0 "$(health | jq -r .activeSandboxes)" "active sandboxes"
}

a_session_goes_on_after_a_reboot() {
  local session
  session=$(cat "$STATE/session")
  contains "$(ask "$session" '[[recall]]')" phoenix "the answer"
  equal kept "$(api GET "/api/sessions/$session/files/kept.txt?format=json" | jq -r .content)"
}
