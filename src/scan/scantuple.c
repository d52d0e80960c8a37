/*-------------------------------------------------------------------------
 *
 * scantuple.c
 *	  The values of the heap's tuples, straight into arrays by column.
 *
 * The same walk over a tuple's attributes as a slot's, without the slot: only
 * wanted attributes are stored, up to the last of them, and values by reference are
 * copied to one place.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "utils/memutils.h"

#include "scan/scan.h"

/* memory for copies is taken so much at a time, or more if one needs it */
#define TUPLE_ROOM		(32 * 1024)

/* an attribute up to the last one that is wanted */
typedef struct TupleAttribute
{
	int16		len;
	char		align;
	bool		byval;
	int			offset;			/* in tuples without nulls before it; -1: it
								 * depends on the values before it */
	Datum	   *values;			/* NULL: not wanted */
	uint64	   *nulls;
} TupleAttribute;

struct TupleTaker
{
	TupleDesc	desc;
	int			nattributes;
	TupleAttribute *attributes;
	MemoryContext context;		/* of copies */
	char	   *room;
	Size		left;
};

/*
 * tuple_taker_create: for tuples of a table; nothing is wanted yet.
 */
TupleTaker *
tuple_taker_create(TupleDesc desc)
{
	TupleTaker *taker = palloc0(sizeof(TupleTaker));
	int			offset = 0;
	int			i;

	taker->desc = desc;
	taker->attributes = palloc0((desc->natts + 1) * sizeof(TupleAttribute));
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		TupleAttribute *a = &taker->attributes[i];

		a->len = att->attlen;
		a->align = att->attalign;
		a->byval = att->attbyval;
		a->offset = -1;
		if (offset < 0)
			continue;

		/* a short header is not aligned */
		if (a->len > 0 || offset == (int) att_align_nominal(offset, a->align))
			a->offset = (int) att_align_nominal(offset, a->align);
		offset = a->len > 0 ? a->offset + a->len : -1;
	}
	return taker;
}

/*
 * tuple_taker_want: where values of an attribute go, and bits for nulls, by the
 * rows' numbers.
 */
void
tuple_taker_want(TupleTaker *taker, AttrNumber attno, Datum *values,
				 uint64 *nulls)
{
	TupleAttribute *a = &taker->attributes[attno - 1];

	a->values = values;
	a->nulls = nulls;
	taker->nattributes = Max(taker->nattributes, attno);
}

/*
 * tuple_taker_reset: copies are made in this context from now on.  What was copied
 * before is no more used.
 */
void
tuple_taker_reset(TupleTaker *taker, MemoryContext context)
{
	taker->context = context;
	taker->left = 0;
}

/* Room for a value by reference */
static char *
take_room(TupleTaker *taker, Size size)
{
	char	   *result;

	size = MAXALIGN(size);
	if (size > taker->left)
	{
		taker->left = Max(size, TUPLE_ROOM);
		taker->room = MemoryContextAlloc(taker->context, taker->left);
	}
	result = taker->room;
	taker->room += size;
	taker->left -= size;
	return result;
}

static Datum
copy_value(TupleTaker *taker, const TupleAttribute *a, const char *value)
{
	Size		size = a->len > 0 ? a->len :
	a->len == -1 ? VARSIZE_ANY(value) : strlen(value) + 1;

	return PointerGetDatum(memcpy(take_room(taker, size), value, size));
}

static inline void
set_null(const TupleAttribute *a, int row)
{
	a->values[row] = (Datum) 0;
	a->nulls[row / 64] |= UINT64CONST(1) << (row % 64);
}

/* Tuples that are older than a wanted column have its missing value. */
static void
take_short(TupleTaker *taker, HeapTuple tuple, int row)
{
	int			i;

	for (i = 0; i < taker->nattributes; i++)
	{
		TupleAttribute *a = &taker->attributes[i];
		bool		isnull;
		Datum		value;

		if (a->values == NULL)
			continue;
		value = heap_getattr(tuple, i + 1, taker->desc, &isnull);
		if (isnull)
			set_null(a, row);
		else
			a->values[row] = a->byval ? value :
				copy_value(taker, a, DatumGetPointer(value));
	}
}

/*
 * tuple_take: puts the values of a tuple where they are wanted.  Bits for nulls
 * must be clear.
 */
void
tuple_take(TupleTaker *taker, HeapTuple tuple, int row)
{
	HeapTupleHeader t = tuple->t_data;
	const bits8 *nulls = HeapTupleHasNulls(tuple) ? t->t_bits : NULL;
	const char *data = (const char *) t + t->t_hoff;
	bool		fixed = true;	/* no null up to here */
	uint32		offset = 0;
	int			i;

	if (HeapTupleHeaderGetNatts(t) < taker->nattributes)
	{
		take_short(taker, tuple, row);
		return;
	}
	for (i = 0; i < taker->nattributes; i++)
	{
		const TupleAttribute *a = &taker->attributes[i];

		if (nulls != NULL && att_isnull(i, nulls))
		{
			fixed = false;
			if (a->values != NULL)
				set_null(a, row);
			continue;
		}
		if (fixed && a->offset >= 0)
			offset = a->offset;
		else
			offset = att_align_pointer(offset, a->align, a->len, data + offset);
		if (a->values != NULL)
			a->values[row] = a->byval ? fetch_att(data + offset, true, a->len) :
				copy_value(taker, a, data + offset);
		offset = att_addlength_pointer(offset, a->len, data + offset);
	}
}
