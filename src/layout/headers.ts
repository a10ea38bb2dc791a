/** Headers in front of blocks: what each allocator writes there (src/memory). */
import { LATCH_ALIGN } from './latches.ts';
import { record } from './schema.ts';

const OWNER = 'the thread that allocates or frees the block';
const HOLDER = 'that of the structure which it is part of';

/**
 * The header in front of every block from `ut_allocator` (facts A 1.1): 32 bytes in 8.0.25, where key, owner and size
 * take 24 and the rest is padding.
 */
export const UT_NEW_PFX = record(
  'UtNewPfx',
  'ut_new_pfx_t (8.0.25)',
  {
    key: {
      guard: OWNER,
      writer: 'owner',
      doc: 'instrument; bit 31: counted for the connection (PSI_MEM_CNT_BIT)',
    },
    owner: { guard: OWNER, writer: 'owner', doc: 'id of the thread that allocated it' },
    size: { words: 2, guard: OWNER, writer: 'owner', doc: 'bytes, payload and header' },
    spare: { words: 3, guard: OWNER, writer: 'owner', doc: 'padding' },
    check: {
      guard: OWNER,
      writer: 'owner',
      doc: 'address ^ size, in the padding: shows an overwritten header',
    },
  },
  LATCH_ALIGN,
);

/** The header of 5.7 on 64-bit: 24 bytes, key and padding in the first eight. */
export const UT_NEW_PFX_57 = record(
  'UtNewPfx57',
  'ut_new_pfx_t (5.7)',
  {
    key: { guard: OWNER, writer: 'owner', doc: 'instrument; bit 31: counted for the connection' },
    owner: { guard: OWNER, writer: 'owner', doc: 'id of the thread that allocated it' },
    size: { words: 2, guard: OWNER, writer: 'owner', doc: 'bytes, payload and header' },
    check: {
      guard: OWNER,
      writer: 'owner',
      doc: 'address ^ size, in the padding: shows an overwritten header',
    },
    spare: { guard: OWNER, writer: 'owner', doc: 'fills 24 bytes' },
  },
  2,
);

/** What `aligned_memory` holds (facts A 1.8): a member of the structure that the object belongs to. */
export const ALIGNED_MEMORY = record(
  'AlignedMemory',
  'aligned_memory<T, alignment>',
  {
    memory: { guard: HOLDER, writer: 'owner', doc: 'm_memory: what was allocated, 0: nothing' },
    object: { guard: HOLDER, writer: 'owner', doc: 'm_object: the first aligned address in it' },
    bytes: { words: 2, guard: HOLDER, writer: 'owner', doc: 'size of the object, or of all elements' },
  },
  2,
);

/** The header of `my_malloc` (facts A 6.1): 32 bytes. */
export const MY_HEADER = record(
  'MyHeader',
  'my_memory_header',
  {
    key: {
      guard: OWNER,
      writer: 'owner',
      doc: 'instrument; bit 31: counted for the connection (PSI_MEM_CNT_BIT)',
    },
    magic: { guard: OWNER, writer: 'owner', doc: '1234; 0xDEAD once freed' },
    size: {
      words: 2,
      guard: OWNER,
      writer: 'owner',
      doc: 'bytes that the user asked for, header not counted',
    },
    owner: { guard: OWNER, writer: 'owner', doc: 'id of the thread that it counts for, 0 none' },
    spare: { words: 3, guard: OWNER, writer: 'owner', doc: 'fills 32 bytes' },
  },
  LATCH_ALIGN,
);
