/*-------------------------------------------------------------------------
 *
 * columnbuffer.c
 *	  Byte strings that grow while encoding, and that shrink while decoding.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "column/columncodec.h"
#include "utils/memutils.h"

/* An empty buffer with room for size bytes, in the current context */
void
codec_init(CodecBuffer *buf, Size size)
{
	buf->len = 0;
	buf->size = Max(size, 64);
	buf->data = palloc_extended(buf->size, MCXT_ALLOC_HUGE);
}

/* Makes the buffer n bytes longer; returns where they begin, not set. */
char *
codec_extend(CodecBuffer *buf, Size n)
{
	char	   *result;

	if (n > buf->size - buf->len)
	{
		buf->size = Max(buf->size * 2, buf->len + n);
		buf->data = repalloc_huge(buf->data, buf->size);
	}
	result = buf->data + buf->len;
	buf->len += n;
	return result;
}

/* Appends n bytes; data may be NULL if n is 0. */
void
codec_append(CodecBuffer *buf, const void *data, Size n)
{
	if (n > 0)
		memcpy(codec_extend(buf, n), data, n);
}

/* Appends a number of 32 bits. */
void
codec_append32(CodecBuffer *buf, uint32 value)
{
	codec_append(buf, &value, sizeof(value));
}

/* Takes n bytes off the input; false if it has fewer. */
bool
codec_take(CodecInput *in, Size n, const char **data)
{
	if (n > in->len)
		return false;
	*data = in->data;
	in->data += n;
	in->len -= n;
	return true;
}

/* Takes a number of 32 bits off the input; false if there is none. */
bool
codec_take32(CodecInput *in, uint32 *value)
{
	const char *data;

	if (!codec_take(in, sizeof(uint32), &data))
		return false;
	*value = codec_load32(data);
	return true;
}

/*
 * Takes a part off the input that was written between codec_begin_part and
 * codec_end_part; false if not all of it is there.
 */
bool
codec_take_part(CodecInput *in, CodecInput *part)
{
	uint32		len;

	if (!codec_take32(in, &len))
		return false;
	part->len = len;
	return codec_take(in, len, &part->data);
}

/* Begins a part that is preceded by its length; returns where. */
Size
codec_begin_part(CodecBuffer *buf)
{
	codec_append32(buf, 0);
	return buf->len;
}

/* Ends the part that codec_begin_part, which returned begin, began. */
void
codec_end_part(CodecBuffer *buf, Size begin)
{
	uint32		len = (uint32) (buf->len - begin);

	memcpy(buf->data + begin - sizeof(uint32), &len, sizeof(uint32));
}
