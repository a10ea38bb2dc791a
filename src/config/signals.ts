/** Ctrl-C, as programs started by npm see it. */

/** npm hands on the signal that the terminal has sent to everybody: two in so short a time are one. */
export const SAME_SIGNAL_MS = 300;
