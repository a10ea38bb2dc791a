/** A string or file of the user's that cannot be read: the message is one line that says what, where, and what is allowed. */
export class InputError extends Error {
  override readonly name = 'InputError';
}
