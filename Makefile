# omendb: PGXS build.
#
#   make                     build against the pg_config in PATH
#   make install             install into that PostgreSQL
#   make unit                unit tests, no server needed
#   make installcheck        SQL, isolation and TAP tests against a running
#                            server that has shared_preload_libraries=omendb
#   make indent              format the sources with pg_bsd_indent
#   test/run                 every test on scratch servers
#
# WERROR=1 makes a warning an error. PG_CONFIG=... chooses the PostgreSQL.
# UNIT_SANITIZE=-fsanitize=address,undefined runs the unit tests under them.

EXTENSION = omendb
MODULE_big = omendb
PGFILEDESC = "omendb - learned indexes and hybrid tables"
DATA = $(sort $(wildcard omendb--*.sql))

SRCS = $(sort $(wildcard src/*.c src/*/*.c))
HDRS = $(sort $(wildcard src/*.h src/*/*.h))
OBJS = $(SRCS:.c=.o)

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --load-extension=omendb
ISOLATION = $(patsubst specs/%.spec,%,$(sort $(wildcard specs/*.spec)))
ISOLATION_OPTS = --load-extension=omendb
TAP_TESTS = $(if $(wildcard t/*.pl),1)

PG_CPPFLAGS = -I$(srcdir)/src
PG_CFLAGS = -O2 -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers $(if $(WERROR),-Werror)

SHLIB_LINK = -llz4 -lzstd

EXTRA_CLEAN = build typedefs.list

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Every object depends on every header: slower than a stale object is wrong.
$(OBJS): $(HDRS)

# Unit tests: each test/unit/test_*.c is one program. Comments in it of the
# form "needs: src/alex/alexpage.c" name the sources it is linked with.
UNIT_PROGS = $(patsubst test/unit/%.c,build/unit/%,$(sort $(wildcard test/unit/test_*.c)))
UNIT_CFLAGS = -std=gnu99 -g -O1 -Wall -Wextra -Wno-unused-parameter \
	-Wno-sign-compare -Wno-missing-field-initializers -fno-strict-aliasing \
	-fwrapv -D_GNU_SOURCE -DOMENDB_UNIT $(if $(WERROR),-Werror) $(UNIT_SANITIZE)
unit_needs = $(shell sed -n 's,.*needs:\([^*]*\).*,\1,p' $(1))

.PHONY: unit indent
.SECONDEXPANSION:
build/unit/%: test/unit/%.c test/unit/unit.h test/unit/unit_server.c $(HDRS) $$(call unit_needs,test/unit/$$*.c)
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -Isrc -Itest/unit -I$(includedir_server) -o $@ \
		$< $(call unit_needs,$<) test/unit/unit_server.c \
		$(pkglibdir)/libpgcommon.a $(pkglibdir)/libpgport.a -llz4 -lzstd -lm

unit: $(UNIT_PROGS)
	@test -n "$(UNIT_PROGS)" || { echo "there are no unit tests"; exit 1; }
	@rc=0; for p in $(UNIT_PROGS); do echo "# $$p"; \
		ASAN_OPTIONS=detect_leaks=0 ./$$p || rc=1; done; exit $$rc

indent: typedefs.list
	@test/indent typedefs.list $(SRCS) $(HDRS) $(wildcard test/unit/*.[ch])

# Type names come from the headers and our own sources.
typedefs.list: $(SRCS) $(HDRS)
	@bash test/typedefs $(includedir_server) src test/unit >$@
