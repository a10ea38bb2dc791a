/** Colours of the theme in force, for canvases; and the button that changes the theme. */
import { el } from './dom.ts';

const DARK = matchMedia('(prefers-color-scheme: dark)');
const listeners: (() => void)[] = [];
const cache = new Map<string, string>();
const probe = el('span', { hidden: '' });

/** What a custom property of the style sheet is in the theme in force. */
export function ink(name: string): string {
  let colour = cache.get(name);
  if (colour === undefined) {
    if (!probe.isConnected) document.body.append(probe);
    probe.style.color = `var(--${name})`;
    colour = getComputedStyle(probe).color;
    cache.set(name, colour);
  }
  return colour;
}

/** Colours of series, from 0. */
export const seriesInk = (index: number): string => ink(`c${(index % 8) + 1}`);

/** Calls back whenever the colours have changed. */
export const onTheme = (listener: () => void): void => void listeners.push(listener);

/** The button in the page's head. What it is set to is not remembered anywhere. */
export function startTheme(button: HTMLButtonElement): void {
  const root = document.documentElement;
  const isDark = (): boolean => (root.dataset['theme'] ?? (DARK.matches ? 'dark' : 'light')) === 'dark';
  const show = (): void => {
    button.textContent = isDark() ? 'Light' : 'Dark';
    button.setAttribute('aria-label', `Switch to ${isDark() ? 'light' : 'dark'} colours`);
    cache.clear();
    for (const listener of listeners) listener();
  };
  button.hidden = false;
  button.addEventListener('click', () => {
    root.dataset['theme'] = isDark() ? 'light' : 'dark';
    show();
  });
  DARK.addEventListener('change', show);
  // Paper is light.
  let before: string | undefined;
  addEventListener('beforeprint', () => {
    before = root.dataset['theme'];
    root.dataset['theme'] = 'light';
    show();
  });
  addEventListener('afterprint', () => {
    if (before === undefined) delete root.dataset['theme'];
    else root.dataset['theme'] = before;
    show();
  });
  show();
}
