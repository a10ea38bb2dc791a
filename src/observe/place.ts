/** Names for addresses: the placement in the arena, the element, and the field of its record. */
import { type ArenaPlan, placementOf } from '../layout/arena.ts';
import { ALL_RECORDS } from '../layout/records.ts';

const BY_NAME = new Map(ALL_RECORDS.map((r) => [r.name, r]));

/** A name like `blocks[17].mutex`; `word 4711` when nothing was placed there. */
export function placeName(plan: ArenaPlan, at: number): string {
  const placement = placementOf(plan, at);
  if (placement === undefined) return `word ${at}`;
  const index = Math.floor((at - placement.at) / placement.stride);
  const offset = at - placement.at - index * placement.stride;
  const element = placement.count > 1 ? `${placement.name}[${index}]` : placement.name;
  const layout = placement.record === undefined ? undefined : BY_NAME.get(placement.record);
  const field = layout?.fields.find((f) => offset >= f.at && offset < f.at + f.words);
  if (field !== undefined) {
    const size = field.record?.words ?? 1;
    const many = field.words > size ? `[${Math.floor((offset - field.at) / size)}]` : '';
    return `${element}.${field.name}${many}`;
  }
  return offset === 0 ? element : `${element}+${offset}`;
}
