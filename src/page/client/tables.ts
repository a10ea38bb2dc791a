/** Tables that sort, and boxes that scroll by keyboard. */

/** Sorts by the column whose button was pressed: descending first for numbers, as the greatest matter most. */
export function startSorting(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>('th > button.sort')) {
    button.addEventListener('click', () => sortBy(button.parentElement as HTMLTableCellElement));
  }
}

function sortBy(head: HTMLTableCellElement): void {
  const body = head.closest('table')?.tBodies[0];
  if (body === undefined) return;
  const { cellIndex } = head;
  const key = (row: HTMLTableRowElement): string => row.cells[cellIndex].dataset['v'] ?? '';
  const rows = [...body.rows];
  const numeric = rows.every((row) => key(row) !== '' && Number.isFinite(Number(key(row))));
  const first = numeric ? 'descending' : 'ascending';
  const second = numeric ? 'ascending' : 'descending';
  const order = head.getAttribute('aria-sort') === first ? second : first;
  for (const th of head.parentElement?.querySelectorAll('[aria-sort]') ?? [])
    th.setAttribute('aria-sort', 'none');
  head.setAttribute('aria-sort', order);
  const sign = order === 'ascending' ? 1 : -1;
  rows.sort(
    (a, b) =>
      sign *
      (numeric ? Number(key(a)) - Number(key(b)) : key(a).localeCompare(key(b), 'en', { numeric: true })),
  );
  body.append(...rows);
}

/** What is wider than its box can be scrolled with arrow keys, once it can be reached. */
export function startScrolling(): void {
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const box = target as HTMLElement;
      const wider = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
      if (!wider) {
        for (const name of ['tabindex', 'role', 'aria-label']) box.removeAttribute(name);
        continue;
      }
      box.tabIndex = 0;
      box.setAttribute('role', 'region');
      const name =
        box.querySelector('caption')?.textContent ?? box.closest('section')?.querySelector('h2')?.textContent;
      box.setAttribute('aria-label', `Scrolls: ${name ?? 'table'}`);
    }
  });
  const all = (root: ParentNode): void =>
    root.querySelectorAll<HTMLElement>('.scroll').forEach((box) => watch.observe(box));
  all(document);
  document.addEventListener('toggle', (e) => all(e.target as HTMLElement), true);
}
