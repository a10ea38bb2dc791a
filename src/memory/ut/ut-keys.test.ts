import { describe, expect, it } from 'vitest';
import { KEY_NONE, MEM_KEY, MEM_KEYS } from '../psi/psi-keys.ts';
import { allocSite } from './site.ts';
import { utKeyOfFile, utSite } from './ut-keys.ts';

const nameOf = (file: string, version: '5.7' | '8.0.25') => MEM_KEYS[utKeyOfFile(file, version)].name;

describe('instruments by source file', () => {
  it.each([
    ['storage/innobase/buf/buf0buf.cc', 'memory/innodb/buf0buf'],
    ['/build/storage/innobase/include/ut0new.h', 'memory/innodb/ut0new'],
    ['C:\\innobase\\row\\row0sel.cc', 'memory/innodb/row0sel'],
    ['zipdecompress.cc', 'memory/innodb/zipdecompress'],
    ['sync0rw.ic', 'memory/innodb/sync0rw'],
    ['mem.cc', 'memory/innodb/mem'],
    ['buf0buf', 'memory/innodb/buf0buf'],
  ])('%s: both versions say %s', (file, name) => {
    expect([nameOf(file, '5.7'), nameOf(file, '8.0.25')]).toEqual([name, name]);
  });

  it('5.7 wants the name itself, else other; no file at all is std', () => {
    expect(nameOf('buf0bu.cc', '5.7')).toBe('memory/innodb/other');
    expect(nameOf('ut-allocator.ts', '5.7')).toBe('memory/innodb/other');
    expect(nameOf('buf_buf_pool.cc', '5.7')).toBe('memory/innodb/other');
    expect(utKeyOfFile('', '5.7')).toBe(MEM_KEY.std);
  });

  it('8.0.25 takes the first name that begins with it, else nothing', () => {
    expect(nameOf('buf0bu.cc', '8.0.25')).toBe('memory/innodb/buf0buddy');
    expect(nameOf('mem0.cc', '8.0.25')).toBe('memory/innodb/mem0mem');
    expect(nameOf('row0se.cc', '8.0.25')).toBe('memory/innodb/row0sel');
    expect(utKeyOfFile('buf0buffer.cc', '8.0.25')).toBe(KEY_NONE);
    expect(utKeyOfFile('ut-allocator.ts', '8.0.25')).toBe(KEY_NONE);
    expect(utKeyOfFile('', '8.0.25')).toBe(KEY_NONE);
  });

  it('a place has its instrument from the beginning', () => {
    const site = utSite('os0event.cc', 12, '5.7');
    expect(site).toEqual({ ...allocSite('os0event.cc', 12), key: utKeyOfFile('os0event.cc', '5.7') });
    expect(utSite('x.cc', 1).key).toBe(KEY_NONE);
  });
});
