/*-------------------------------------------------------------------------
 *
 * indexonly.h
 *	  Vectors of the keys that an index-only scan of an alex index finds.
 *	  src/indexonly/README explains them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef OMENDB_INDEXONLY_H
#define OMENDB_INDEXONLY_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#include "vector/vector.h"

typedef struct IndexOnlyBatch IndexOnlyBatch;

/* indexonlyplan.c */
extern Path *index_only_vector_path(PlannerInfo *root, RelOptInfo *rel);
extern Path *index_only_loop_path(const RelOptInfo *joined);

/* indexonlyexec.c */
extern IndexOnlyBatch *index_only_create(IndexOnlyScanState *node,
										 const Bitmapset *attnos);
extern IndexOnlyBatch *index_only_create_loop(NestLoopState *loop);
extern VectorSource *index_only_next(IndexOnlyBatch *batch);
extern void index_only_release(IndexOnlyBatch *batch);

#endif							/* OMENDB_INDEXONLY_H */
