/*-------------------------------------------------------------------------
 *
 * aggspill.c
 *	  Groups on disk, in partitions by the hash of their keys.
 *
 * A table that is full is written, all its groups with their states, and is
 * empty again.  What belongs to one group is in one partition, perhaps several
 * times.  At the end the partitions are read one by one, and the states of a
 * group are put together; a partition for which memory does not suffice is
 * divided again by other bits of the hash.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "aggregate/aggnode.h"

#define LEVEL_BITS		5
#define PARTITIONS		(1 << LEVEL_BITS)
#define MAX_LEVEL		11		/* all bits of a hash are used up */

/* a partition that is to be read */
typedef struct SpillFile
{
	BufFile    *file;
	int			level;
} SpillFile;

struct AggSpill
{
	MemoryContext context;
	BufFile    *files[PARTITIONS];	/* being written, or NULL */
	int			level;			/* of these */
	bool		writing;		/* some of them are there */
	List	   *todo;			/* SpillFiles */
	StringInfoData record;
	uint64		bytes;
	uint64		partitions;
};

/*
 * agg_spill_create: nothing is on disk yet.
 */
AggSpill *
agg_spill_create(MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "omendb spill",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	AggSpill   *spill = palloc0(sizeof(AggSpill));

	spill->context = context;
	initStringInfo(&spill->record);
	MemoryContextSwitchTo(old);
	return spill;
}

/*---- writing ---- */

static uint64
group_hash(const AggTable *t, uint32 group)
{
	uint64		hash = 0;
	int			k;

	for (k = 0; k < t->nkeys; k++)
		hash = agg_mix(hash * 31 + agg_key_hash(&t->keys[k],
												agg_table_word(t, group, k),
												agg_table_tag(t, group, k)));
	return hash;
}

static BufFile *
file_of_hash(AggSpill *spill, uint64 hash)
{
	int			shift = 64 - LEVEL_BITS * (spill->level + 1);
	int			i = (hash >> Max(shift, 0)) & (PARTITIONS - 1);

	if (spill->files[i] == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(spill->context);

		spill->files[i] = BufFileCreateTemp(false);
		spill->partitions++;
		MemoryContextSwitchTo(old);
	}
	return spill->files[i];
}

/* A group: its length, the keys, then the states, each with its length */
static void
make_record(StringInfo record, AggTable *t, uint32 group)
{
	uint32		length = 0;
	int			i;

	resetStringInfo(record);
	appendBinaryStringInfo(record, (char *) &length, sizeof(length));
	for (i = 0; i < t->nkeys; i++)
		agg_key_write(&t->keys[i], agg_table_word(t, group, i),
					  agg_table_tag(t, group, i),
					  agg_table_shown(t, group, i), record);
	for (i = 0; i < t->naggs; i++)
	{
		int			at = record->len;

		appendBinaryStringInfo(record, (char *) &length, sizeof(length));
		agg_state_write(&t->specs[i], agg_table_state(t, i, group), record);
		length = record->len - at - sizeof(length);
		memcpy(record->data + at, &length, sizeof(length));
	}
	length = record->len - sizeof(length);
	memcpy(record->data, &length, sizeof(length));
}

/*
 * agg_spill_table: writes all groups of a table, and empties it.
 */
void
agg_spill_table(AggSpill *spill, AggTable *t)
{
	uint32		group;

	for (group = 0; group < t->ngroups; group++)
	{
		CHECK_FOR_INTERRUPTS();
		make_record(&spill->record, t, group);
		BufFileWrite(file_of_hash(spill, group_hash(t, group)),
					 spill->record.data, spill->record.len);
		spill->bytes += spill->record.len;
	}
	spill->writing |= t->ngroups > 0;
	agg_table_clear(t);
}

/*
 * agg_spill_used: are there groups on disk?
 */
bool
agg_spill_used(const AggSpill *spill)
{
	return spill->writing || spill->todo != NIL;
}

/*---- reading ---- */

/* What has been written is to be read now. */
static void
finish_writing(AggSpill *spill)
{
	MemoryContext old = MemoryContextSwitchTo(spill->context);
	int			i;

	for (i = 0; i < PARTITIONS; i++)
	{
		SpillFile  *f;

		if (spill->files[i] == NULL)
			continue;
		f = palloc(sizeof(SpillFile));
		f->file = spill->files[i];
		f->level = spill->level;
		spill->todo = lappend(spill->todo, f);
		spill->files[i] = NULL;
		if (BufFileSeek(f->file, 0, 0, SEEK_SET) != 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not rewind a temporary file of groups")));
	}
	spill->writing = false;
	MemoryContextSwitchTo(old);
}

static void
read_bytes(BufFile *file, void *to, Size n)
{
	if (BufFileRead(file, to, n) != n)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read a temporary file of groups")));
}

/* The next record without its length; false at the end of the file */
static bool
read_record(AggSpill *spill, BufFile *file)
{
	uint32		length;
	Size		got = BufFileRead(file, &length, sizeof(length));

	if (got == 0)
		return false;
	if (got != sizeof(length))
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read a temporary file of groups")));
	resetStringInfo(&spill->record);
	enlargeStringInfo(&spill->record, length);
	read_bytes(file, spill->record.data, length);
	spill->record.len = length;
	return true;
}

/* Puts a record's states to those of its group. */
static void
add_record(AggTable *t, const char *data)
{
	uint32		group;
	int			i;

	for (i = 0; i < t->nkeys; i++)
		data = agg_key_read(&t->keys[i], data);
	group = agg_group_row(t);
	for (i = 0; i < t->naggs; i++)
	{
		uint32		length;

		memcpy(&length, data, sizeof(length));
		data += sizeof(length);
		agg_state_combine(&t->specs[i], agg_table_state(t, i, group),
						  data, length);
		data += length;
	}
}

/*
 * Reads a partition.  False if it has been divided, because the table has not
 * enough memory for it.
 */
static bool
read_partition(AggSpill *spill, SpillFile *f, AggTable *t)
{
	spill->level = f->level + 1;
	while (read_record(spill, f->file))
	{
		CHECK_FOR_INTERRUPTS();
		if (!agg_table_reserve(t, 1, f->level + 1 >= MAX_LEVEL))
		{
			/* the record is in the buffer that writing needs */
			char	   *copy = palloc(spill->record.len);

			memcpy(copy, spill->record.data, spill->record.len);
			agg_spill_table(spill, t);
			agg_table_reserve(t, 1, true);
			add_record(t, copy);
			pfree(copy);
		}
		else
			add_record(t, spill->record.data);
	}
	BufFileClose(f->file);
	if (!spill->writing)
		return true;
	agg_spill_table(spill, t);
	finish_writing(spill);
	return false;
}

/*
 * agg_spill_next: fills an empty table with the next groups that are complete;
 * false if there are none left.
 */
bool
agg_spill_next(AggSpill *spill, AggTable *t)
{
	if (spill->writing)
		finish_writing(spill);
	while (spill->todo != NIL)
	{
		SpillFile  *f = llast(spill->todo);
		bool		complete;

		spill->todo = list_delete_last(spill->todo);
		complete = read_partition(spill, f, t);
		pfree(f);
		if (complete)
			return true;
	}
	return false;
}

/*
 * agg_spill_reset: gives up all files.
 */
void
agg_spill_reset(AggSpill *spill)
{
	ListCell   *lc;

	finish_writing(spill);
	foreach(lc, spill->todo)
		BufFileClose(((SpillFile *) lfirst(lc))->file);
	list_free_deep(spill->todo);
	spill->todo = NIL;
	spill->level = 0;
}

/*
 * agg_spill_bytes: how much has been written.
 */
uint64
agg_spill_bytes(const AggSpill *spill)
{
	return spill->bytes;
}

/*
 * agg_spill_partitions: to how many files.
 */
uint64
agg_spill_partitions(const AggSpill *spill)
{
	return spill->partitions;
}
