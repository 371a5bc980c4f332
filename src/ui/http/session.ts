import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Of random bytes: nobody guesses them. */
const SECRET_BYTES = 32;
const secret = (): string => randomBytes(SECRET_BYTES).toString('base64url');

export const COOKIE = 'taskfs';

/**
 * Who may use one server. The token is in the fragment of the printed address, which browsers send
 * to nobody; the page exchanges it for a cookie. A cookie is sent to every port of a host, so it is
 * bound to a path that no other server has.
 */
export class Session {
  readonly token = secret();
  /** What all addresses of the page begin with. */
  readonly base = `/${randomBytes(9).toString('base64url')}`;
  private readonly cookie = secret();
  private readonly ticketKey = randomBytes(SECRET_BYTES);

  /** The cookie's value for the token; undefined for anything else. */
  exchange(token: string): string | undefined {
    return isEqual(token, this.token) ? this.cookie : undefined;
  }

  isCookie(value: string | undefined): boolean {
    return value !== undefined && isEqual(value, this.cookie);
  }

  /**
   * What an address of a task's files begins with. It opens no other task's, for a page that a
   * task wrote can ask for what it knows the address of.
   */
  ticketFor(task: string): string {
    return createHmac('sha256', this.ticketKey).update(task).digest('base64url');
  }

  isTicket(ticket: string, task: string): boolean {
    return isEqual(ticket, this.ticketFor(task));
  }
}

/** In a time that depends on neither. */
function isEqual(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
