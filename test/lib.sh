# Shell functions shared by the test commands. Sourced, never run.
# shellcheck shell=bash
#
# Everything here is careful about three things: a checkout is never written
# to, a PostgreSQL installation or cluster of the machine is never changed,
# and a mount never outlives the process that made it.

set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

OMENDB_TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

if [ "$(id -u)" -eq 0 ]; then
	OMENDB_CACHE=${OMENDB_CACHE:-/var/cache/omendb}
else
	OMENDB_CACHE=${OMENDB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/omendb}
fi
export OMENDB_CACHE

say()  { printf '%s\n' "$*" >&2; }
die()  { say "error: $*"; exit 1; }

# The Debian suite that carries a PostgreSQL major. None has 16.
suite_of()
{
	case $1 in
		15) echo bookworm ;;
		17) echo trixie ;;
		18) echo forky ;;
		*) die "PostgreSQL $1 is not one of 15, 17, 18" ;;
	esac
}

# debian_mirror NAME: the mirror of "debian" or "debian-security" that the
# machine's own apt sources name; nothing if there is none.
debian_mirror()
{
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 2>/dev/null |
		grep -v '^file:' | grep -m1 "/$1/*\$" || true
}

# debian_sources MAJOR: lines for apt of the suite with that PostgreSQL, and of
# its security updates where that suite is released.
debian_sources()
{
	local suite mirror security
	suite=$(suite_of "$1")
	mirror=$(debian_mirror debian)
	[ -n "$mirror" ] || die "apt's sources name no Debian mirror"
	echo "deb $mirror $suite main"
	security=$(debian_mirror debian-security)
	[ "$1" = 18 ] || [ -z "$security" ] || echo "deb $security $suite-security main"
}

# copy_tree DIR: a copy of the checkout without build products.
copy_tree()
{
	mkdir -p "$1"
	tar -C "$OMENDB_TREE" -cf - --exclude=./.git --exclude='*.o' \
		--exclude='*.so' --exclude='*.bc' --exclude='*.csv' \
		--exclude=./tmp_check --exclude=./results --exclude=./output_iso \
		--exclude=./regression.* --exclude=./build . |
		tar -C "$1" --no-same-owner -xf -
}

# private_postgres MAJOR PREFIX: a copy of an installed PostgreSQL below
# PREFIX. PostgreSQL finds its files relative to its own executable, so
# extensions can be installed in the copy and the original stays as it was.
private_postgres()
{
	local major=$1 prefix=$2 from=/usr/lib/postgresql/$1

	[ -x "$from/bin/postgres" ] || die "PostgreSQL $major is not installed"
	[ -e "/usr/include/postgresql/$major/server/postgres.h" ] ||
		die "postgresql-server-dev-$major is not installed"
	mkdir -p "$prefix/lib/postgresql/$major" "$prefix/share/postgresql"
	cp -R --preserve=mode,links "$from/bin" "$prefix/lib/postgresql/$major/"
	(cd "$from" && tar -cf - --exclude=lib/bitcode lib) |
		tar -C "$prefix/lib/postgresql/$major" --no-same-owner -xf -
	cp -R --preserve=mode,links "/usr/share/postgresql/$major" \
		"$prefix/share/postgresql/"
	ln -sfn /usr/include "$prefix/include"
}

# private_config MAJOR PREFIX: the pg_config of that copy.
private_config() { echo "$2/lib/postgresql/$1/bin/pg_config"; }

# as_user USER CMD...: run as USER when we are root, else as we are.
as_user()
{
	local user=$1
	shift
	if [ "$(id -u)" -eq 0 ] && [ "$user" != root ]; then
		runuser -u "$user" -- "$@"
	else
		"$@"
	fi
}

# in_root ROOT USER CMD...: run inside a Debian root. /dev and /proc are
# mounted in a mount namespace of their own and every process lives in a
# process namespace of its own: both are gone when CMD ends, however it ends.
in_root()
{
	# shellcheck disable=SC2016
	unshare --mount --propagation private --pid --fork --kill-child --ipc -- \
		bash -ceu '
			root=$1 user=$2
			shift 2
			mount --rbind /dev "$root/dev"
			mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
			mount -t proc proc "$root/proc"
			cd /
			exec chroot "$root" /sbin/runuser -u "$user" -- \
				/usr/bin/env -i HOME=/tmp LANG=C.UTF-8 TERM="${TERM:-dumb}" \
				PATH=/usr/local/bin:/usr/bin:/bin "$@"
		' in_root "$@"
}

# can_mount: true when in_root can work here; prints the reason when not.
can_mount()
{
	if [ "$(id -u)" -ne 0 ]; then
		say "not root: Debian roots cannot be made or entered"
		return 1
	fi
	if ! unshare --mount --propagation private --pid --fork --kill-child --ipc \
		-- mount -t tmpfs tmpfs /mnt 2>/dev/null; then
		say "this machine does not allow mounts: Debian roots cannot be entered"
		return 1
	fi
}

# remove_dir DIR: never crosses into another file system.
remove_dir()
{
	[ -n "$1" ] && [ "$1" != / ] || return 0
	rm -rf --one-file-system -- "$1"
}

# Results. A test that ran is one line: "ok", "FAIL" or "skip", the PostgreSQL
# major, the kind of test and its name.
result() { printf '%-4s %s %s %s\n' "$1" "$2" "$3" "$4"; }

# sum_counts FILE: the totals of the result lines in FILE. The last line is
# always "N passed, N failed". False when a test failed or none passed.
sum_counts()
{
	local passed failed skipped
	passed=$(grep -c '^ok ' "$1" || true)
	failed=$(grep -c '^FAIL ' "$1" || true)
	skipped=$(grep -c '^skip ' "$1" || true)
	[ "$skipped" -eq 0 ] || echo "$skipped skipped"
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
