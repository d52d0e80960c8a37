/*-------------------------------------------------------------------------
 *
 * vectorbits.c
 *	  Bits of nulls as bytes, and back, eight at a time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bswap.h"

#include "vector/vectorinternal.h"

#define LOW_BITS	UINT64CONST(0x0101010101010101)

#ifdef WORDS_BIGENDIAN
#define LITTLE_ENDIAN_WORD(x)	pg_bswap64(x)
#else
#define LITTLE_ENDIAN_WORD(x)	(x)
#endif

/*
 * vector_expand_bits: COLUMN_VECTOR bits as bytes of 0 and 1.
 */
void
vector_expand_bits(const uint64 *bits, uint8 *bytes)
{
	for (int i = 0; i < COLUMN_VECTOR / 8; i++)
	{
		uint64		eight = (bits[i / 8] >> (i % 8 * 8)) & 0xFF;
		uint64		spread;

		/* bit k to where byte k begins, by way of bit 7 of each byte */
		spread = (eight * LOW_BITS) & UINT64CONST(0x8040201008040201);
		spread = ((spread + UINT64CONST(0x00406070787C7E7F)) >> 7) & LOW_BITS;
		spread = LITTLE_ENDIAN_WORD(spread);
		memcpy(bytes + i * 8, &spread, sizeof(spread));
	}
}

/*
 * vector_pack_bits: the reverse.
 */
void
vector_pack_bits(const uint8 *bytes, uint64 *bits)
{
	for (int i = 0; i < COLUMN_VECTOR / 64; i++)
	{
		uint64		word = 0;

		for (int k = 0; k < 8; k++)
		{
			uint64		eight;

			memcpy(&eight, bytes + i * 64 + k * 8, sizeof(eight));
			eight = LITTLE_ENDIAN_WORD(eight);
			word |= ((eight * UINT64CONST(0x0102040810204080)) >> 56) << (k * 8);
		}
		bits[i] = word;
	}
}
