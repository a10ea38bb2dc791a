import { describe, expect, it } from 'vitest';
import { type Doing, StorageError, systemCode, toStorageError } from './errors.ts';
import { systemError } from './fault-io.ts';

describe('StorageError', () => {
  it('puts file and page first, on one line', () => {
    const error = new StorageError('PAGE_CORRUPT', 'a/b.ibd', 0, 'bad', { retryable: true });
    expect(error.message).toBe('a/b.ibd: page 0: bad');
    expect(String(error)).toBe('StorageError: a/b.ibd: page 0: bad');
    expect(error).toBeInstanceOf(Error);
    expect(new StorageError('IO', 'dir', null, 'bad').message).toBe('dir: bad');
    expect(error.describe()).toEqual({
      code: 'PAGE_CORRUPT',
      file: 'a/b.ibd',
      page: 0,
      retryable: true,
      message: 'a/b.ibd: page 0: bad',
    });
    expect(structuredClone(error.describe())).toEqual(error.describe());
  });
});

describe('toStorageError', () => {
  const cases: [string, Doing, string, boolean, string][] = [
    ['ENOSPC', 'write', 'NO_SPACE', false, 'cannot write: no space left on the device (ENOSPC)'],
    ['EDQUOT', 'write', 'NO_SPACE', false, 'cannot write: disk quota exceeded (EDQUOT)'],
    ['EACCES', 'open', 'NOT_READABLE', false, 'cannot open: permission denied (EACCES)'],
    [
      'EACCES',
      'open for writing',
      'NOT_WRITABLE',
      false,
      'cannot open for writing: permission denied (EACCES)',
    ],
    ['EPERM', 'remove', 'NOT_WRITABLE', false, 'cannot remove: operation not permitted (EPERM)'],
    ['EROFS', 'write', 'NOT_WRITABLE', false, 'cannot write: read-only file system (EROFS)'],
    ['ENOENT', 'open', 'NO_FILE', false, 'cannot open: no such file or directory (ENOENT)'],
    ['EIO', 'read', 'IO', true, 'cannot read: input/output error (EIO)'],
    ['EIO', 'sync', 'IO', false, 'cannot sync: input/output error (EIO)'],
    ['EINTR', 'read', 'IO', true, 'cannot read: interrupted too often (EINTR)'],
    ['EAGAIN', 'read', 'IO', true, 'cannot read: temporarily unavailable too often (EAGAIN)'],
    ['EMFILE', 'open', 'IO', false, 'cannot open: too many open files (EMFILE)'],
    ['EBADF', 'read', 'IO', false, 'cannot read: the operating system refused (EBADF)'],
  ];
  it.each(cases)('%s on %s is %s', (errno, doing, code, retryable, problem) => {
    const cause = systemError(errno, 'x');
    const error = toStorageError(cause, doing, 'f.ibd', 4);
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ code, retryable, file: 'f.ibd', page: 4, cause });
    expect(error.message).toBe(`f.ibd: page 4: ${problem}`);
    expect(error.message).not.toContain('\n');
  });

  it('leaves bugs and its own errors as they are', () => {
    const bug = new RangeError('offset');
    expect(toStorageError(bug, 'read', 'f', 1)).toBe(bug);
    const own = new StorageError('CLOSED', 'f', 1, 'the file is closed');
    expect(toStorageError(own, 'read', 'f', 1)).toBe(own);
    expect(toStorageError('text', 'read', 'f', 1).message).toBe('text');
    expect(systemCode('text')).toBeNull();
  });
});
