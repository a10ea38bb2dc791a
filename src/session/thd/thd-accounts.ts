/** Who is connected: privileges, and the accounts under which the Performance Schema shows sessions. */
import type { PsiAccount, PsiPlan } from '../../memory/psi/psi-plan.ts';
import type { PsiIdentity } from '../../memory/psi/psi-thread.ts';

/** Bits of `THD.privileges`. */
export const PRIVILEGE = {
  super: 1,
  connectionAdmin: 2,
  systemVariablesAdmin: 4,
  sessionVariablesAdmin: 8,
} as const;

/** SUPER or CONNECTION_ADMIN: counted by the limits and never stopped; init_connect is not run for such a user. */
export function isConnectionAdmin(privileges: number): boolean {
  return (privileges & (PRIVILEGE.super | PRIVILEGE.connectionAdmin)) !== 0;
}

/** Accounts of the sessions; who has any privilege is root. */
export const SESSION_ACCOUNTS = [
  { user: 'root', host: 'localhost' },
  { user: 'app', host: 'localhost' },
] as const satisfies readonly PsiAccount[];

/** The account of a session with these privileges. */
export function accountOf(privileges: number): (typeof SESSION_ACCOUNTS)[number] {
  return SESSION_ACCOUNTS[privileges === 0 ? 1 : 0];
}

/** `set_thread_account`: the identity to attach a session with (psiAttach); nobody where the plan has no such account. */
export function psiIdentityOf(plan: PsiPlan, privileges: number): PsiIdentity {
  const { user, host } = accountOf(privileges);
  const account = plan.accountNames.findIndex((a) => a.user === user && a.host === host);
  return account < 0 ? {} : { account };
}
