# Shell functions of the tests that have a scratch server. Sourced, never run,
# in a copy of the tree, by an unprivileged user. $major is set by the caller;
# $work, $pgdata and PATH are set here.
# shellcheck shell=bash

# shellcheck source=test/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Nothing is left running, however a run ends.
stop_and_remove()
{
	trap - EXIT
	if [ -e "$pgdata/postmaster.pid" ]; then
		pg_ctl -D "$pgdata" -m immediate -w stop >/dev/null 2>&1 || true
	fi
	if [ -n "${KEEP:-}" ]; then say "kept: $work"; else remove_dir "$work"; fi
}

# A scratch directory, and what happens to it at the end.
scratch_place()
{
	[ "$(id -u)" -ne 0 ] || die "PostgreSQL refuses to run as root: use test/run"
	cd "$OMENDB_TREE" || exit 1
	work=$(mktemp -d /tmp/omendb.XXXXXX)
	pgdata=$work/data
	trap stop_and_remove EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# show FILE LINES: the beginning of a file that explains a failure.
show()
{
	[ -s "$1" ] || return 0
	say "--- $1 (first $2 lines)"
	head -n "$2" "$1" >&2
}

# Build without a warning and install into a private copy of PostgreSQL, which
# is then first in PATH.
build_private()
{
	local log=$work/build.log
	private_postgres "$major" "$work"
	PATH=$(dirname "$(private_config "$major" "$work")"):$PATH
	export PATH
	if make -s -j2 with_llvm=no WERROR=1 all >"$log" 2>&1 &&
		make -s with_llvm=no install >>"$log" 2>&1; then
		result ok "$major" build "without a warning"
	else
		tail -n 60 "$log" >&2
		result FAIL "$major" build "see above"
		exit 0
	fi
}

# tap_results KIND FILE: result lines from the "ok" and "not ok" lines in FILE,
# which may be indented by a harness but not as subtests are.
tap_results()
{
	local line name
	while IFS= read -r line; do
		name=$(sed -E 's/^(not )?ok +[0-9]+ *[-+]* *//; s/ +[0-9]+ ms$//' <<<"$line")
		case $line in
			*"# SKIP"*) result skip "$major" "$1" "$name" ;;
			ok*) result ok "$major" "$1" "$name" ;;
			*) result FAIL "$major" "$1" "$name" ;;
		esac
	done < <(grep -E '^(not )?ok +[0-9]+' "$2")
}

# regress_results KIND FILE: from either form of pg_regress's output, the one
# of 15 ("test name ... ok") and the TAP of 16 and later.
regress_results()
{
	sed -E -e 's/^test ([^ ]+) +\.\.\. ok.*/ok 1 - \1/' \
		-e 's/^test ([^ ]+) +\.\.\. FAILED.*/not ok 1 - \1/' "$2" >"$2.tap"
	tap_results "$1" "$2.tap"
}

start()
{
	pg_ctl -D "$pgdata" -l "$work/server.log" -w -t 120 start >/dev/null || {
		tail -n 40 "$work/server.log" >&2
		return 1
	}
}

query() { psql -h "$work" -U postgres -XAtqc "$1" "${2:-postgres}"; }

# Every page that a record of our own resource managers touches is compared at
# replay. Set after start: only then are their names known to the server.
# start_cluster [LINE...]: more lines for postgresql.conf.
start_cluster()
{
	local line managers
	initdb -k -A trust -U postgres -E UTF8 --locale=C.UTF-8 --no-sync \
		-D "$pgdata" >"$work/initdb.log" 2>&1 ||
		{ cat "$work/initdb.log" >&2; return 1; }
	cat >>"$pgdata/postgresql.conf" <<-CONF
		shared_preload_libraries = 'omendb'
		listen_addresses = ''
		unix_socket_directories = '$work'
		max_prepared_transactions = 10
		checkpoint_timeout = 1h
		max_wal_size = 20GB
		fsync = off
		restart_after_crash = off
		timezone = 'UTC'
	CONF
	for line in "$@"; do echo "$line" >>"$pgdata/postgresql.conf"; done
	start || return 1
	managers=$(query "select string_agg(rm_name, ', ') from pg_get_wal_resource_managers() where not rm_builtin")
	query "alter system set wal_consistency_checking = '$managers'"
	query 'select pg_reload_conf()' >/dev/null
}

