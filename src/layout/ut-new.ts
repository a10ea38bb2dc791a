/**
 * What the `ut::` library of 8.0.28 and later writes in front of what it hands out (src/memory/ut/ut-new.ts; facts A 2.3).
 * Places and sizes are the server's. In its padding stand check words, which the server does not have.
 */
import { LATCH_ALIGN } from './latches.ts';
import { record } from './schema.ts';

const OWNER = 'the thread that allocates or frees the block';
const own = (doc: string, words = 1) => ({ words, guard: OWNER, writer: 'owner', doc }) as const;

const OWNER_DOC = 'id of the thread that it counts for, 0 none; the low word of a pointer';
const KEY_DOC = 'instrument; bit 31: counted for the connection (PSI_MEM_CNT_BIT)';
const CHECK_DOC = 'shows that the header was written over';

/**
 * The core that all forms with the Performance Schema begin with: 20 bytes, and 4 for the offset back to it, which are the
 * last 4 bytes in front of the payload, wherever that is. The check word is in what is between.
 */
export const UT_PFS_META = record(
  'UtPfsMeta',
  'PFS_metadata',
  {
    owner: own(OWNER_DOC, 2),
    datalen: own('bytes in all, what the instrument counts', 2),
    key: own(KEY_DOC),
    check: own(CHECK_DOC),
  },
  2,
);

/** `Alloc_pfs`: 24 rounded up to 16. */
export const UT_ALLOC_PFS = record(
  'UtAllocPfs',
  'Alloc_pfs',
  {
    meta: { record: UT_PFS_META, guard: OWNER, writer: 'owner', doc: 'the core' },
    spare: own('fills 32 bytes'),
    metaOffset: own('bytes from the payload back to the core: 32'),
  },
  LATCH_ALIGN,
);

/** `Alloc_arr`: an array without the Performance Schema. */
export const UT_ALLOC_ARR = record(
  'UtAllocArr',
  'Alloc_arr',
  {
    datalen: own('bytes of the elements', 2),
    check: own(CHECK_DOC),
    spare: own('fills 16 bytes'),
  },
  LATCH_ALIGN,
);

/** The last 8 bytes in front of what `Aligned_alloc` has aligned. */
export const UT_ALIGNED_META = record('UtAlignedMeta', 'Aligned_alloc_metadata<uint32_t, uint32_t>', {
  datalen: own('bytes that the caller asked for'),
  offset: own('bytes back to what malloc returned: 16 to the alignment'),
});

/** The first 8 bytes of the block, which the server leaves unused: the offset is 16 at least. */
export const UT_ALIGNED_MARK = record('UtAlignedMark', 'Aligned_alloc: VARLEN', {
  form: own('the offset; 1 more: with the core of UtPfsMeta at the aligned address'),
  check: own(CHECK_DOC),
});

const CPU_PAGE_WORDS = 1024;

/** The page in front of `Page_alloc` and `Large_page_alloc` without the Performance Schema. */
export const UT_PAGE = record(
  'UtPage',
  'Page_alloc_metadata',
  {
    datalen: own('bytes in all, this page included', 2),
    pageType: own('0x10: system page; 0x20: large page', 2),
    check: own(CHECK_DOC),
    spare: own('fills 4096 bytes', CPU_PAGE_WORDS - 5),
  },
  LATCH_ALIGN,
);

/** The same with it. */
export const UT_PAGE_PFS = record(
  'UtPagePfs',
  'Page_alloc_metadata_pfs',
  {
    meta: { record: UT_PFS_META, guard: OWNER, writer: 'owner', doc: 'the core' },
    pageType: own('0x10: system page; 0x20: large page', 2),
    spare: own('fills 4096 bytes', CPU_PAGE_WORDS - 9),
    metaOffset: own('bytes from the payload back to the core: 4096'),
  },
  LATCH_ALIGN,
);

/** What the holders of a shared object have in common. It comes from `operator new`, so it is not counted. */
export const UT_SHARED = record(
  'UtShared',
  'std::shared_ptr: the control block',
  {
    useCount: {
      guard: 'Atomics; it is the last holder who makes it 0',
      writer: 'contender',
      hot: true,
      doc: 'holders',
    },
    object: {
      guard: 'setup',
      dirtyRead: 'constant while there are holders',
      writer: 'setup',
      doc: 'payload',
    },
  },
  2,
);
