# shellcheck shell=bash
# What a person at a terminal sees and types. script(1) makes the terminal.

SCREEN=/run/ash-case.screen
TYPED=/run/ash-case.typed

# Runs a command on a terminal; what is written to descriptor 3 is typed.
_on_a_terminal() { # COMMAND...
  rm -f $SCREEN $TYPED
  mkfifo $TYPED
  script --quiet --flush --return --command "$*" $SCREEN <$TYPED >/dev/null &
  exec 3>$TYPED
}
_shows() { grep -aq -- "$1" "$SCREEN"; }

top_is_refreshed_until_it_is_told_to_end() {
  local session
  session=$(new_session)
  _on_a_terminal ashctl top --delay 0.2
  refreshed() { [ "$(grep -aoc "${session:0:8}" "$SCREEN")" -ge 3 ]; }
  within 20 refreshed
  printf '\003' >&3
  wait $! || true # as every program that ^C ended
  contains "$(tail -c 200 $SCREEN)" $'\e[?1049l' "the last of the screen"
}

a_session_is_attached_to_and_typed_into() {
  local session
  session=$(new_session)
  ask "$session" 'Remember the word marmalade. [[say:yes]]' >/dev/null
  _on_a_terminal ashctl attach "$session"
  ask "$session" '[[say:from elsewhere]]' >/dev/null
  within 20 _shows 'from elsewhere'
  printf '[[recall]]\n' >&3
  within 20 _shows marmalade
  printf '\004' >&3
  wait $!
}
