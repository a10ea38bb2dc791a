/** Mistakes of whoever started the run: the message is one line to print, and no stack is worth showing. */
export class UserError extends Error {
  override readonly name: string = 'UserError';
  /** What the process should exit with: 2, as shells and getopt do for wrong usage. */
  readonly exitCode: number = 2;
}

export interface MysqlError {
  /** MySQL's number and SQLSTATE, for errors that MySQL has too. */
  readonly errno: number;
  readonly sqlState: string;
}

/** ER_UNKNOWN_SYSTEM_VARIABLE, ER_WRONG_VALUE_FOR_VAR, ER_WRONG_TYPE_FOR_VAR */
export const UNKNOWN_SYSTEM_VARIABLE: MysqlError = { errno: 1193, sqlState: 'HY000' };
export const WRONG_VALUE_FOR_VAR: MysqlError = { errno: 1231, sqlState: '42000' };
export const WRONG_TYPE_FOR_VAR: MysqlError = { errno: 1232, sqlState: '42000' };

/** An option that there is not, or a value that it cannot have. */
export class OptionError extends UserError {
  override readonly name = 'OptionError';
  /** As the user would type it (`--seconds`), or a variable's name. */
  readonly option: string;
  readonly mysql: MysqlError | null;

  constructor(option: string, message: string, mysql: MysqlError | null = null) {
    super(message);
    this.option = option;
    this.mysql = mysql;
  }
}
