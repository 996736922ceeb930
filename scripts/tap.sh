# tap.sh: one line for each test of a shell script, in the Test Anything Protocol.
# Sourced, by scripts that begin with `set -eu`.

tap_count=0
tap_failed=0

# tap_ok NAME COMMAND...: passes where the command does, and all commands of it where it is a
# function; shows its output where it does not.
tap_ok() {
    local name=$1 output status
    shift
    tap_count=$((tap_count + 1))
    # Not in an `if`: there the shell would pass over failures inside of a function.
    set +e
    output=$(
        set -e
        "$@" 2>&1
    )
    status=$?
    set -e
    if [ "$status" -eq 0 ]; then
        echo "ok $tap_count - $name"
    else
        echo "not ok $tap_count - $name"
        printf '%s\n' "$output" "exit status $status" | sed 's/^/# /'
        tap_failed=$((tap_failed + 1))
    fi
}

# tap_skip NAME REASON
tap_skip() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1 # SKIP $2"
}

# tap_fails COMMAND...: for use inside of a test: the command must fail.
tap_fails() {
    if "$@"; then
        echo "did not fail: $*"
        return 1
    fi
}

# tap_end: the plan, and the exit status of the script.
tap_end() {
    echo "1..$tap_count"
    [ "$tap_failed" -eq 0 ]
}
