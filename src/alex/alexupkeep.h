/*-------------------------------------------------------------------------
 *
 * alexupkeep.h
 *	  What VACUUM, page deletion and the checks share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ALEXUPKEEP_H
#define ALEXUPKEEP_H

#include "alex/alex.h"

/* what became of an empty leaf */
typedef enum AlexDeletion
{
	ALEX_KEPT,					/* still linked */
	ALEX_GAVE_LEFT,				/* the left neighbour has its key range */
	ALEX_GAVE_RIGHT				/* the right one has it */
} AlexDeletion;

/*---- alexdelete.c ---- */
extern AlexDeletion alex_delete_page(Relation rel, AlexInfo *info,
									 BlockNumber leaf, BlockNumber *ndeleted);

/*---- alexcheck.c ---- */

/* ereport(ERROR) with ERRCODE_INDEX_CORRUPTED */
pg_noreturn extern void alex_report_corrupted(Relation rel, BlockNumber blk,
											  const char *what);

/* ereport(ERROR) unless rel is an alex index that can be looked at */
extern void alex_require_index(Relation rel);

/* ereport(ERROR) unless page is one of the index */
extern void alex_require_page(Relation rel, const AlexInfo *info, Page page,
							  BlockNumber blk);

/* false if reading natts attributes would leave the image's bytes */
extern bool alex_image_is_sound(TupleDesc desc, IndexTuple image, int natts);

/* true for an unlogged index during recovery: it has no contents */
extern bool alex_is_absent(Relation rel);

/* A key before every entry */
extern void alex_first_key(const AlexInfo *info, AlexKey *key);

/* A copy of a fence that outlives its page; its image is palloc'd. */
extern void alex_fence_copy(const AlexInfo *info, const AlexFence *from,
							AlexFence *to);

/* Are two fences the same, byte for byte? */
extern bool alex_fence_same(const AlexInfo *info, const AlexFence *a,
							const AlexFence *b);

#endif							/* ALEXUPKEEP_H */
