/*-------------------------------------------------------------------------
 *
 * columnint.c
 *	  Encodings of 64-bit integers: constant, runs, frame of reference, and
 *	  differences (of differences) in a frame of reference.
 *
 * Everything else that can be told as integers is encoded with these as well:
 * codes of a dictionary, lengths of byte strings, bits and scaled values of
 * floats.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "column/columncodec.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#define SAMPLE_VECTORS	8		/* to estimate sizes with */
#define FRAME_SAMPLE	64		/* values of a vector, to find a frame with */
#define MIN_SCALE		4		/* a smaller common factor is not divided by */
#define RUN_LENGTH		16		/* shorter runs are slow to decode */
#define LOW_SAMPLE		5		/* of the sorted sample: surely in the bulk */
#define HIGH_SAMPLE		58
#define SCALED			0x100	/* added to the encoding in a stream's head */
#define FRAME_TIGHT		0x80	/* added to the width in a frame's head */
#define FRAME_HEADER	(sizeof(uint64) + 4)

/* Values of a stream are ref + scale * number; scale 0: they are as they are */
typedef struct Scaling
{
	int64		ref;
	uint64		scale;
	int			shift;			/* trailing zero bits of the scale */
	uint64		inverse;		/* of the odd part of the scale, modulo 2^64 */
} Scaling;

/* How a vector is packed: numbers that do not fit are kept beside */
typedef struct Frame
{
	uint64		base;
	int			width;			/* bits of a packed number */
	bool		tight;			/* packed without lanes */
	int			xbytes;			/* bytes of an exception */
	int			nexceptions;
} Frame;

static int
bits_of(uint64 word)
{
	return word == 0 ? 0 : pg_leftmost_one_pos64(word) + 1;
}

static bool
is_framed(ColumnCodec codec)
{
	return codec == COLUMN_CODEC_FOR || codec == COLUMN_CODEC_DELTA ||
		codec == COLUMN_CODEC_DELTA2;
}

/*---- scaling by a common factor ---- */

static uint64
common_factor(uint64 a, uint64 b)
{
	while (b != 0)
	{
		uint64		rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static void
set_scale(Scaling *scaling, uint64 scale)
{
	uint64		odd;

	scaling->scale = scale;
	if (scale == 0)
		return;
	scaling->shift = pg_rightmost_one_pos64(scale);
	odd = scale >> scaling->shift;
	/* Newton's iteration doubles the number of right bits, 3 at first */
	scaling->inverse = odd;
	for (int i = 0; i < 5; i++)
		scaling->inverse *= 2 - odd * scaling->inverse;
}

/* The quotient of an exact division; too large if there is a remainder */
static inline uint64
exact_quotient(uint64 word, const Scaling *scaling)
{
	uint64		product = word * scaling->inverse;

	if (scaling->shift == 0)
		return product;
	return product >> scaling->shift | product << (64 - scaling->shift);
}

/* Makes the scale a factor of all values, unless it becomes too small. */
static uint64
refine_scale(const int64 *values, uint32 n, Scaling *scaling)
{
	for (uint32 i = 0; i < n && scaling->scale >= MIN_SCALE; i++)
	{
		uint64		word = (uint64) values[i] - (uint64) scaling->ref;

		if (exact_quotient(word, scaling) > PG_UINT64_MAX / scaling->scale)
			set_scale(scaling, common_factor(scaling->scale, word));
	}
	return scaling->scale;
}

/* The largest factor that the distances of all values have in common */
static void
find_scaling(const int64 *values, uint32 n, Scaling *scaling)
{
	uint32		step = Max(n / 256, 1);
	uint64		factor = 0;
	int64		max;

	memset(scaling, 0, sizeof(Scaling));
	if (n == 0)
		return;
	codec_range(values, n, &scaling->ref, &max);
	for (uint32 i = 0; i < n && factor != 1; i += step)
		factor = common_factor(factor, (uint64) values[i] - (uint64) scaling->ref);
	if (factor < MIN_SCALE)
		return;
	set_scale(scaling, factor);
	if (refine_scale(values, n, scaling) < MIN_SCALE)
		scaling->scale = 0;
}

/*---- frames ---- */

static int
compare_words(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/* The best width for a base, if it takes fewer bits than *best. */
static void
try_frame(const int64 *values, int n, uint64 base, Frame *frame, int *best)
{
	int			hist[65] = {0};
	int			top = 64;
	int			outside = 0;

	for (int i = 0; i < n; i++)
		hist[bits_of((uint64) values[i] - base)]++;
	while (top > 0 && hist[top] == 0)
		top--;
	for (int width = top; width >= 0; width--)
	{
		int			xbytes = (top + 7) / 8;
		int			bits = width * n + outside * (16 + 8 * xbytes);

		if (bits < *best)
		{
			*best = bits;
			frame->base = base;
			frame->width = width;
			frame->xbytes = xbytes;
			frame->nexceptions = outside;
		}
		outside += hist[width];
	}
}

/*
 * Would a frame narrower by two bits, at either end of the range, leave out
 * few of the sampled values?
 */
static bool
few_are_outside(const int64 *sample, int64 min, int64 max, int width)
{
	int			high = 0;
	int			low = 0;

	for (int i = 0; i < FRAME_SAMPLE; i++)
	{
		high += ((uint64) sample[i] - (uint64) min) >> (width - 2) != 0;
		low += ((uint64) max - (uint64) sample[i]) >> (width - 2) != 0;
	}
	return Min(high, low) <= FRAME_SAMPLE / 8;
}

/*
 * The least value that is not farther below low than high is above it: where
 * the bulk of the values begins, if low and high are in it.
 */
static int64
lowest_near(const int64 *values, int n, int64 low, int64 high)
{
	uint64		reach = (uint64) high - (uint64) low;
	int64		result = low;

	for (int i = 0; i < n; i++)
	{
		if (values[i] < result && (uint64) low - (uint64) values[i] <= reach)
			result = values[i];
	}
	return result;
}

/*
 * Chooses the frame of n > 0 values.  Exceptions are considered only when a
 * sample says that few values make the frame wide.
 */
static void
find_frame(const int64 *values, int n, Frame *frame)
{
	int64		sample[FRAME_SAMPLE];
	int64		min,
				max;
	int			best;

	codec_range(values, n, &min, &max);
	memset(frame, 0, sizeof(Frame));
	frame->base = (uint64) min;
	frame->width = bits_of((uint64) max - (uint64) min);
	if (frame->width < 4 || n < FRAME_SAMPLE)
		return;
	for (int i = 0; i < FRAME_SAMPLE; i++)
		sample[i] = values[(i * n + n / 2) / FRAME_SAMPLE];
	if (!few_are_outside(sample, min, max, frame->width))
		return;
	qsort(sample, FRAME_SAMPLE, sizeof(int64), compare_words);
	best = frame->width * n - 1;
	try_frame(values, n, (uint64) min, frame, &best);
	try_frame(values, n, (uint64) lowest_near(values, n, sample[LOW_SAMPLE],
											  sample[HIGH_SAMPLE]),
			  frame, &best);
}

/* Bits that n numbers take in a frame, without its head */
int
codec_frame_bits(const int64 *values, int n)
{
	Frame		frame;

	if (n == 0)
		return 0;
	find_frame(values, n, &frame);
	return n * frame.width + frame.nexceptions * (16 + 8 * frame.xbytes);
}

/* Bytes of n packed numbers */
static Size
packed_bytes(const Frame *frame, int n)
{
	return sizeof(uint64) * (frame->tight ? CODEC_TIGHT_WORDS(n, frame->width) :
							 CODEC_WORDS(n, frame->width));
}

static void
append_frame(CodecBuffer *buf, const Frame *frame)
{
	uint8		widths[2] = {
		(uint8) (frame->width | (frame->tight ? FRAME_TIGHT : 0)),
		(uint8) frame->xbytes
	};
	uint16		nexceptions = (uint16) frame->nexceptions;

	codec_append(buf, &frame->base, sizeof(uint64));
	codec_append(buf, widths, sizeof(widths));
	codec_append(buf, &nexceptions, sizeof(nexceptions));
}

/* The low bytes of a word, in the order that take_bytes reads */
static void
put_bytes(char *out, uint64 word, int nbytes)
{
	for (int i = 0; i < nbytes; i++)
		out[i] = (char) (word >> (8 * i));
}

static uint64
take_bytes(const char *in, int nbytes)
{
	uint64		word = 0;

	for (int i = 0; i < nbytes; i++)
		word |= (uint64) (unsigned char) in[i] << (8 * i);
	return word;
}

/* Packs n values; the room behind them up to whole lanes is overwritten. */
static void
pack_frame(CodecBuffer *buf, const Frame *frame, int64 *values, int n)
{
	uint16		positions[COLUMN_VECTOR];
	uint64		exceptions[COLUMN_VECTOR];
	uint64	   *words = (uint64 *) values;
	int			found = 0;
	char	   *out;

	codec_shift(words, n, -frame->base);
	for (int i = 0; i < n && found < frame->nexceptions; i++)
	{
		if (bits_of(words[i]) <= frame->width)
			continue;
		positions[found] = (uint16) i;
		exceptions[found++] = words[i];
		words[i] = 0;
	}
	for (int i = n; i % CODEC_LANES != 0; i++)
		words[i] = 0;
	Assert(found == frame->nexceptions);
	out = codec_extend(buf, packed_bytes(frame, n));
	if (frame->tight)
		codec_pack_tight(words, n, frame->width, out);
	else
		codec_pack(words, n, frame->width, out);
	codec_append(buf, positions, found * sizeof(uint16));
	out = codec_extend(buf, found * frame->xbytes);
	for (int i = 0; i < found; i++)
		put_bytes(out + i * frame->xbytes, exceptions[i], frame->xbytes);
}

/*
 * Replaces n values by their differences.  The first difference, which does
 * not exist, is made up so that it fits the others: it is as the next one, or
 * on a line with the next two.  What must be added to it to give the first
 * value is returned.
 */
static uint64
take_differences(int64 *values, int n, bool line)
{
	uint64		first = (uint64) values[0];

	for (int i = n - 1; i > 0; i--)
		values[i] = (int64) ((uint64) values[i] - (uint64) values[i - 1]);
	values[0] = n > 1 ? values[1] : 0;
	if (line && n > 2)
		values[0] = (int64) (2 * (uint64) values[1] - (uint64) values[2]);
	return first - (uint64) values[0];
}

static void
encode_vector(CodecBuffer *buf, ColumnCodec codec, const Scaling *scaling,
			  const int64 *values, int n)
{
	int64		work[COLUMN_VECTOR];
	uint64		firsts[2] = {0, 0};
	Frame		frame;

	memcpy(work, values, n * sizeof(int64));
	if (scaling->scale > 0)
	{
		for (int i = 0; i < n; i++)
			work[i] = (int64) exact_quotient((uint64) work[i] - (uint64) scaling->ref,
											 scaling);
	}
	if (codec == COLUMN_CODEC_DELTA || codec == COLUMN_CODEC_DELTA2)
		firsts[0] = take_differences(work, n, codec == COLUMN_CODEC_DELTA2);
	if (codec == COLUMN_CODEC_DELTA2)
		firsts[1] = take_differences(work, n, false);
	find_frame(work, n, &frame);
	frame.tight = CODEC_TIGHT_WORDS(n, frame.width) * 2 <= CODEC_WORDS(n, frame.width);
	append_frame(buf, &frame);
	if (codec == COLUMN_CODEC_DELTA || codec == COLUMN_CODEC_DELTA2)
		codec_append(buf, &firsts[0], sizeof(uint64));
	if (codec == COLUMN_CODEC_DELTA2)
		codec_append(buf, &firsts[1], sizeof(uint64));
	pack_frame(buf, &frame, work, n);
}

/*---- encoding ---- */

static void
encode_frames(CodecBuffer *buf, ColumnCodec codec, const Scaling *scaling,
			  const CodecInts *in)
{
	Size		noffsets = ((Size) in->nvectors + 1) * sizeof(uint32);
	Size		offsets = buf->len;
	Size		body;

	codec_extend(buf, noffsets);
	body = buf->len;
	for (int v = 0; v <= in->nvectors; v++)
	{
		uint32		at = (uint32) (buf->len - body);

		memcpy(buf->data + offsets + v * sizeof(uint32), &at, sizeof(at));
		if (v < in->nvectors && in->start[v + 1] > in->start[v])
			encode_vector(buf, codec, scaling, in->values + in->start[v],
						  in->start[v + 1] - in->start[v]);
	}
}

/* First values of every 1024th of nvalues, with an entry for the end */
uint32 *
codec_plain_starts(int nvalues, int *nvectors)
{
	int			n = (nvalues + COLUMN_VECTOR - 1) / COLUMN_VECTOR;
	uint32	   *start = palloc((n + 1) * sizeof(uint32));

	for (int v = 0; v < n; v++)
		start[v] = v * COLUMN_VECTOR;
	start[n] = nvalues;
	*nvectors = n;
	return start;
}

static void
encode_part(CodecBuffer *buf, const int64 *values, int n)
{
	CodecInts	in;
	Size		begin = codec_begin_part(buf);
	uint32	   *start = codec_plain_starts(n, &in.nvectors);

	in.values = values;
	in.start = start;
	codec_ints_encode(buf, COLUMN_CODEC_FOR, &in);
	codec_end_part(buf, begin);
	pfree(start);
}

static void
encode_runs(CodecBuffer *buf, const int64 *values, uint32 n)
{
	uint32		nruns = codec_count_changes(values, n) + 1;
	int64	   *run_values = palloc(nruns * sizeof(int64));
	int64	   *run_lengths = palloc0(nruns * sizeof(int64));
	uint32		run = 0;

	for (uint32 i = 0; i < n; i++)
	{
		if (i > 0 && values[i] != values[i - 1])
			run++;
		run_values[run] = values[i];
		run_lengths[run]++;
	}
	codec_append32(buf, nruns);
	encode_part(buf, run_values, nruns);
	encode_part(buf, run_lengths, nruns);
	pfree(run_values);
	pfree(run_lengths);
}

/*
 * Appends the values in the given encoding, which must suit them.  There is
 * at least one value.
 */
void
codec_ints_encode(CodecBuffer *buf, ColumnCodec codec, const CodecInts *in)
{
	uint32		n = in->start[in->nvectors];
	Scaling		scaling = {0};

	if (is_framed(codec))
		find_scaling(in->values, n, &scaling);
	codec_append32(buf, codec | (scaling.scale > 0 ? SCALED : 0));
	if (scaling.scale > 0)
	{
		codec_append(buf, &scaling.ref, sizeof(int64));
		codec_append(buf, &scaling.scale, sizeof(uint64));
	}
	if (codec == COLUMN_CODEC_CONSTANT)
		codec_append(buf, in->values, sizeof(int64));
	else if (codec == COLUMN_CODEC_PLAIN)
		codec_append(buf, in->values, n * sizeof(int64));
	else if (codec == COLUMN_CODEC_RLE)
		encode_runs(buf, in->values, n);
	else
		encode_frames(buf, codec, &scaling, in);
}

/*---- choice ---- */

/* Some vectors of the input, and how many values they have */
static int
sample_vectors(const CodecInts *in, int *vectors, uint32 *nvalues)
{
	int			n = Min(in->nvectors, SAMPLE_VECTORS);

	*nvalues = 0;
	for (int i = 0; i < n; i++)
	{
		int			v = (int) ((int64) in->nvectors * i / n);

		vectors[i] = v;
		*nvalues += in->start[v + 1] - in->start[v];
	}
	return n;
}

/* Bytes of all values in an encoding, guessed from a sample */
static Size
estimate_frames(const CodecInts *in, ColumnCodec codec, const Scaling *scaling)
{
	int			vectors[SAMPLE_VECTORS];
	uint32		nvalues;
	int			n = sample_vectors(in, vectors, &nvalues);
	CodecBuffer buf;
	Size		result;

	codec_init(&buf, COLUMN_VECTOR * sizeof(int64));
	for (int i = 0; i < n; i++)
	{
		uint32		from = in->start[vectors[i]];
		uint32		to = in->start[vectors[i] + 1];

		if (to > from)
			encode_vector(&buf, codec, scaling, in->values + from, to - from);
	}
	result = (Size) (buf.len * (double) in->start[in->nvectors] / Max(nvalues, 1));
	pfree(buf.data);
	return result + in->nvectors * sizeof(uint32);
}

/*
 * Chooses an encoding for at least one value: the smallest, but one that is
 * slower to decode only if it saves something.  *nbytes is its guessed size.
 */
ColumnCodec
codec_ints_choose(const CodecInts *in, Size *nbytes)
{
	static const ColumnCodec codecs[] = {
		COLUMN_CODEC_FOR, COLUMN_CODEC_DELTA, COLUMN_CODEC_DELTA2
	};
	uint32		n = in->start[in->nvectors];
	uint32		nruns = codec_count_changes(in->values, n) + 1;
	ColumnCodec best = COLUMN_CODEC_CONSTANT;
	Scaling		scaling;
	int64		min,
				max;
	Size		runs;

	*nbytes = sizeof(int64);
	if (nruns == 1)
		return best;
	find_scaling(in->values, n, &scaling);
	for (int i = 0; i < lengthof(codecs); i++)
	{
		Size		size = estimate_frames(in, codecs[i], &scaling);

		if (i == 0 || size < *nbytes - *nbytes / 10)
		{
			best = codecs[i];
			*nbytes = size;
		}
	}
	codec_range(in->values, n, &min, &max);
	runs = nruns * (bits_of((uint64) max - (uint64) min) + bits_of(n / nruns) + 3) / 8;
	if (nruns <= n / RUN_LENGTH && runs < *nbytes - *nbytes / 5)
	{
		best = COLUMN_CODEC_RLE;
		*nbytes = runs;
	}
	return best;
}

/*---- decoding ---- */

/* The values or the lengths of runs; they are no runs themselves. */
static bool
open_runs_part(CodecInput *in, int nruns, int64 *out, const char **problem)
{
	CodecStream part;
	CodecInput	data;
	uint32	   *start;
	int			nvectors;
	bool		good;

	*problem = "runs are cut off";
	if (!codec_take_part(in, &data))
		return false;
	start = codec_plain_starts(nruns, &nvectors);
	good = data.len >= sizeof(uint32) &&
		(codec_load32(data.data) & 0xFF) != COLUMN_CODEC_RLE &&
		codec_ints_open(&part, data, start, nvectors, problem);
	for (int v = 0; v < nvectors && good; v++)
	{
		int64		values[COLUMN_VECTOR];

		good = codec_ints_decode(&part, v, values, problem);
		if (good)
			memcpy(out + start[v], values, (start[v + 1] - start[v]) * sizeof(int64));
	}
	pfree(start);
	return good;
}

static bool
open_runs(CodecStream *stream, CodecInput *in, const char **problem)
{
	uint32		n = stream->start[stream->nvectors];
	uint32		end = 0;
	uint32		nruns;
	int64	   *lengths;
	bool		good;

	*problem = "wrong number of runs";
	if (!codec_take32(in, &nruns) || nruns == 0 || nruns > n)
		return false;
	stream->nruns = nruns;
	stream->run_values = palloc(nruns * sizeof(int64));
	stream->run_ends = palloc(nruns * sizeof(uint32));
	lengths = palloc(nruns * sizeof(int64));
	good = open_runs_part(in, nruns, stream->run_values, problem) &&
		open_runs_part(in, nruns, lengths, problem);
	for (uint32 i = 0; i < nruns && good; i++)
	{
		*problem = "runs do not add up";
		good = lengths[i] > 0 && lengths[i] <= n - end;
		if (good)
			stream->run_ends[i] = end += (uint32) lengths[i];
	}
	pfree(lengths);
	return good && end == n;
}

static bool
open_scaling(CodecStream *stream, CodecInput *in)
{
	const char *data;

	if (!codec_take(in, 2 * sizeof(uint64), &data))
		return false;
	stream->ref = (int64) codec_load64(data);
	stream->scale = codec_load64(data + sizeof(uint64));
	return stream->scale > 0;
}

/* Looks at what is behind the head of a stream. */
static bool
open_body(CodecStream *stream, CodecInput *in)
{
	uint32		n = stream->start[stream->nvectors];

	switch (stream->codec)
	{
		case COLUMN_CODEC_CONSTANT:
			if (in->len != sizeof(int64))
				return false;
			stream->constant = (int64) codec_load64(in->data);
			return true;
		case COLUMN_CODEC_PLAIN:
			stream->body = in->data;
			return in->len == n * sizeof(int64);
		case COLUMN_CODEC_FOR:
		case COLUMN_CODEC_DELTA:
		case COLUMN_CODEC_DELTA2:
			if (!codec_take(in, (stream->nvectors + 1) * sizeof(uint32),
							&stream->offsets))
				return false;
			stream->body = in->data;
			stream->nbody = (uint32) in->len;
			return in->len <= PG_UINT32_MAX;
		default:
			return false;
	}
}

/*
 * Opens all of the input as a stream of the numbers that start and nvectors
 * describe; both must stay, as must the input.  False with a problem if it
 * is none; codec_ints_close is to be called in any case.
 */
bool
codec_ints_open(CodecStream *stream, CodecInput in, const uint32 *start,
				int nvectors, const char **problem)
{
	uint32		head;

	memset(stream, 0, sizeof(CodecStream));
	stream->start = start;
	stream->nvectors = nvectors;
	*problem = "numbers are cut off";
	if (!codec_take32(&in, &head))
		return false;
	stream->codec = (ColumnCodec) (head & 0xFF);
	*problem = "unknown encoding of numbers";
	if (head > (SCALED | 0xFF))
		return false;
	*problem = "wrong scale of numbers";
	if ((head & SCALED) != 0 &&
		(!is_framed(stream->codec) || !open_scaling(stream, &in)))
		return false;
	if (stream->codec == COLUMN_CODEC_RLE)
		return open_runs(stream, &in, problem);
	*problem = "wrong body of numbers";
	return open_body(stream, &in);
}

/* Frees what codec_ints_open allocated. */
void
codec_ints_close(CodecStream *stream)
{
	if (stream->run_values != NULL)
		pfree(stream->run_values);
	if (stream->run_ends != NULL)
		pfree(stream->run_ends);
	stream->run_values = NULL;
	stream->run_ends = NULL;
}

/* The first run that ends behind a position */
static int
find_run(const CodecStream *stream, uint32 position)
{
	int			low = 0;
	int			high = stream->nruns - 1;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (stream->run_ends[middle] > position)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void
decode_runs(const CodecStream *stream, uint32 from, uint32 to, int64 *out)
{
	int			run = from < to ? find_run(stream, from) : 0;

	while (from < to)
	{
		uint32		end = Min(stream->run_ends[run], to);
		int64		value = stream->run_values[run++];

		if (end - from >= 32)
		{
			codec_fill((uint64 *) out, end - from, (uint64) value);
			out += end - from;
			from = end;
		}
		for (; from < end; from++)
			*out++ = value;
	}
}

/*
 * codec_runs_pick: those numbers of vector v of a stream of runs of which the bits
 * are set, each to its place.
 */
void
codec_runs_pick(const CodecStream *stream, int v, const uint64 *wanted,
				int64 *out)
{
	uint32		from = stream->start[v];
	int			n = stream->start[v + 1] - from;
	int			run = n > 0 ? find_run(stream, from) : 0;

	for (int w = 0; w < (n + 63) / 64; w++)
	{
		for (uint64 bits = wanted[w]; bits != 0; bits &= bits - 1)
		{
			int			i = w * 64 + pg_rightmost_one_pos64(bits);

			if (i >= n)
				return;
			while (stream->run_ends[run] <= from + i)
				run++;
			out[i] = stream->run_values[run];
		}
	}
}

/* The encoded bytes of a vector */
static bool
find_frame_data(const CodecStream *stream, int v, CodecInput *in)
{
	uint32		from = codec_load32(stream->offsets + v * sizeof(uint32));
	uint32		to = codec_load32(stream->offsets + (v + 1) * sizeof(uint32));

	if (from > to || to > stream->nbody)
		return false;
	in->data = stream->body + from;
	in->len = to - from;
	return true;
}

static bool
take_frame(CodecInput *in, int n, Frame *frame)
{
	const char *head;
	uint16		nexceptions;

	if (!codec_take(in, FRAME_HEADER, &head))
		return false;
	frame->base = codec_load64(head);
	frame->width = (unsigned char) head[8] & ~FRAME_TIGHT;
	frame->tight = ((unsigned char) head[8] & FRAME_TIGHT) != 0;
	frame->xbytes = (unsigned char) head[9];
	memcpy(&nexceptions, head + 10, sizeof(nexceptions));
	frame->nexceptions = nexceptions;
	return frame->width <= 64 && frame->xbytes <= 8 && nexceptions <= n;
}

/* Puts the numbers that were kept beside where they belong. */
static bool
decode_exceptions(CodecInput *in, const Frame *frame, int n, int64 *out)
{
	const char *positions;
	const char *data;

	if (!codec_take(in, frame->nexceptions * sizeof(uint16), &positions) ||
		!codec_take(in, frame->nexceptions * frame->xbytes, &data))
		return false;
	for (int i = 0; i < frame->nexceptions; i++)
	{
		uint64		word = take_bytes(data + i * frame->xbytes, frame->xbytes);
		uint16		pos;

		memcpy(&pos, positions + i * sizeof(pos), sizeof(pos));
		if (pos >= n)
			return false;
		out[pos] = (int64) (word + frame->base);
	}
	return true;
}

static bool
decode_frame(const CodecStream *stream, int v, int n, int64 *out)
{
	int			nfirsts = stream->codec == COLUMN_CODEC_FOR ? 0 :
	stream->codec == COLUMN_CODEC_DELTA ? 1 : 2;
	CodecInput	in;
	Frame		frame;
	const char *firsts;
	const char *words;

	if (!find_frame_data(stream, v, &in) || !take_frame(&in, n, &frame) ||
		!codec_take(&in, nfirsts * sizeof(uint64), &firsts) ||
		!codec_take(&in, packed_bytes(&frame, n), &words))
		return false;
	if (frame.tight)
		codec_unpack_tight(words, n, frame.width, frame.base, (uint64 *) out);
	else
		codec_unpack(words, n, frame.width, frame.base, (uint64 *) out);
	if (frame.nexceptions > 0 && !decode_exceptions(&in, &frame, n, out))
		return false;
	if (nfirsts > 1)
		codec_prefix_sum(out, n, (int64) codec_load64(firsts + sizeof(uint64)));
	if (nfirsts > 0)
		codec_prefix_sum(out, n, (int64) codec_load64(firsts));
	if (stream->scale > 0)
		codec_rescale(out, n, stream->ref, stream->scale);
	return true;
}

/*
 * Decodes the numbers of vector v.  out has room for COLUMN_VECTOR, of which
 * those behind the last may be overwritten.
 */
bool
codec_ints_decode(const CodecStream *stream, int v, int64 *out,
				  const char **problem)
{
	uint32		from = stream->start[v];
	uint32		to = stream->start[v + 1];

	if (to == from)
		return true;
	switch (stream->codec)
	{
		case COLUMN_CODEC_CONSTANT:
			codec_fill((uint64 *) out, to - from, (uint64) stream->constant);
			return true;
		case COLUMN_CODEC_PLAIN:
			memcpy(out, stream->body + from * sizeof(int64),
				   (to - from) * sizeof(int64));
			return true;
		case COLUMN_CODEC_RLE:
			decode_runs(stream, from, to, out);
			return true;
		default:
			*problem = "damaged vector of numbers";
			return decode_frame(stream, v, to - from, out);
	}
}

/*
 * Straight into 32 bits, if the frame is such; false if it is not, or if
 * there is a number that is not below the limit.
 */
static bool
decode_frame32(const CodecStream *stream, int v, int n, uint64 limit,
			   uint32 *out)
{
	CodecInput	in;
	Frame		frame;
	const char *words;

	if (!find_frame_data(stream, v, &in) || !take_frame(&in, n, &frame) ||
		frame.nexceptions > 0 || frame.tight || frame.width > 31 ||
		frame.base > PG_INT32_MAX ||
		!codec_take(&in, packed_bytes(&frame, n), &words))
		return false;
	codec_unpack32(words, n, frame.width, (uint32) frame.base, out);
	return frame.base + (UINT64CONST(1) << frame.width) <= limit ||
		codec_largest32(out, n) < limit;
}

/*
 * The same as codec_ints_decode for numbers that must be below a limit of at
 * most 2^32
 */
bool
codec_ints_decode32(const CodecStream *stream, int v, uint64 limit,
					uint32 *out, const char **problem)
{
	int			n = stream->start[v + 1] - stream->start[v];
	int64		values[COLUMN_VECTOR];
	bool		good = true;

	if (n == 0)
		return true;
	if (stream->codec == COLUMN_CODEC_FOR && stream->scale == 0 &&
		decode_frame32(stream, v, n, limit, out))
		return true;
	if (!codec_ints_decode(stream, v, values, problem))
		return false;
	for (int i = 0; i < n; i++)
	{
		good &= (uint64) values[i] < limit;
		out[i] = (uint32) values[i];
	}
	*problem = "number beyond its limit";
	return good;
}
