/*-------------------------------------------------------------------------
 *
 * alexrecord.c
 *	  Rows as compact records, which are what is sorted.
 *
 * A record has about half the words of a row:
 *
 *		words	[words of the key columns] [TID and flags] [INCLUDE words]
 *		images	[lead] [TID and flags] [address of the image]
 *
 * The flags, above the 48 bits of the TID, are the columns' null flags as a
 * row has them, and the dead hint, which spools use for entries that do not
 * count for uniqueness.  The lead of an image is explained in alexbuild.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "alex/alexbuild.h"

/* One column's fields and the words they come from; returns the next word */
static int
alex_layout_column(AlexLayout *layout, int att, int word)
{
	const AlexColumn *col = &layout->info->column[att];
	AlexSource *src = &layout->source[col->field];

	src[0].word = layout->tidword;
	src[0].shift = 48 + att;
	src[0].mask = 1;
	for (int w = 0; w < col->nwords; w++)
	{
		src[w + 1].word = word++;
		src[w + 1].mask = PG_UINT64_MAX;
	}
	return word;
}

/* Layout of records of words */
static void
alex_layout_words(AlexLayout *layout)
{
	const AlexInfo *info = layout->info;
	int			word = 0;

	/* flags 0..14 are for the columns */
	Assert(info->natts < 15);
	layout->tidword = info->nkey - info->nkeyatts;
	for (int i = 0; i < info->nkeyatts; i++)
		word = alex_layout_column(layout, i, word);
	word++;
	for (int i = info->nkeyatts; i < info->natts; i++)
		word = alex_layout_column(layout, i, word);
	layout->nwords = word;
	layout->simple = info->natts == 1 && word == 2;
}

/*
 * alex_layout_init: lays out the records of an index
 */
void
alex_layout_init(AlexLayout *layout, const AlexInfo *info)
{
	AlexSource *src = layout->source;

	memset(layout, 0, sizeof(AlexLayout));
	layout->info = info;
	if (info->dict)
	{
		layout->nwords = ALEX_IMG_WORDS;
		layout->tidword = ALEX_IMG_TID;
		src[0].word = ALEX_IMG_ADDR;
		src[0].mask = PG_UINT64_MAX;
	}
	else
		alex_layout_words(layout);
	src[AlexFieldBlk(info)].shift = 16;
	src[AlexFieldBlk(info)].mask = PG_UINT32_MAX;
	src[AlexFieldOff(info)].mask = 0xFFFF;
	src[AlexFieldDead(info)].shift = 63;
	src[AlexFieldDead(info)].mask = 1;
	src[AlexFieldBlk(info)].word = src[AlexFieldOff(info)].word =
		src[AlexFieldDead(info)].word = layout->tidword;
}

/*
 * alex_layout_order: the order of records of words
 *
 * flags: all flags that occur in them.  Without "tids" records equal in the
 * key keep the order in which they come.
 */
void
alex_layout_order(const AlexLayout *layout, uint64 flags, bool tids,
				  AlexOrder *order)
{
	const AlexInfo *info = layout->info;

	memset(order, 0, sizeof(AlexOrder));
	order->nwords = layout->nwords;
	for (int i = 0; i < info->nkeyatts; i++)
	{
		const AlexColumn *col = &info->column[i];

		/* a flag that no record has orders nothing */
		if (flags & ALEX_REC_FLAG(i))
			alex_order_add(order, layout->tidword, ALEX_REC_FLAG(i));
		for (int w = 1; w <= col->nwords; w++)
			alex_order_add(order, layout->source[col->field + w].word,
						   PG_UINT64_MAX);
	}
	if (tids)
		alex_order_add(order, layout->tidword, ALEX_REC_TID_MASK);
}

/*
 * alex_layout_pack: the record of a row of words; returns its TID and flags
 */
uint64
alex_layout_pack(const AlexLayout *layout, const uint64 *row, uint64 *rec)
{
	const AlexInfo *info = layout->info;
	uint64		tid = row[AlexFieldBlk(info)] << 16 |
	row[AlexFieldOff(info)] | row[AlexFieldDead(info)] << 63;

	for (int i = 0; i < info->natts; i++)
	{
		const AlexColumn *col = &info->column[i];
		const AlexSource *src = &layout->source[col->field];

		tid |= row[col->field] << src[0].shift;
		for (int w = 1; w <= col->nwords; w++)
			rec[src[w].word] = row[col->field + w];
	}
	rec[layout->tidword] = tid;
	return tid;
}
