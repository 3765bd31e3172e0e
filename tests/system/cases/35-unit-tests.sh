# shellcheck shell=bash
# The unit tests that want a systemd, which the host of cargo's own run may not have.

the_unit_tests_that_want_systemd_pass() {
  local told skipped
  told=$(/usr/libexec/ash-test/unit-tests --test-threads=1 --show-output sandbox::tests::scope 2>&1) || fail "$told"
  contains "$told" "test result: ok. 5 passed"
  skipped=$(grep SKIP: <<<"$told" || true)
  # Where the machine enforces limits, nothing is left out.
  grep -qw memory "$CGROUP/cgroup.controllers" ||
    skipped=$(grep -v 'this host does not limit memory' <<<"$skipped" || true)
  equal "" "$skipped" "what was left out"
}
