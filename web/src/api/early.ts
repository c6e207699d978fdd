/** Requests that were begun before the app itself had arrived, each by its address. */
const asked = new Map<string, Promise<Response>>();

/** The headers that the server asks of pages. */
export const HEADERS = { Accept: "application/json", "X-Runward": "web" };

/**
 * Begins to ask for an address, whose answer the app takes when it gets there.
 *
 * What is asked for because of the answer is begun by `next` before anybody gets the answer: who takes it may ask for
 * the same at once, and would otherwise be quicker now and then, and ask a second time.
 */
export function ask(url: string, next?: (answer: Response) => Promise<void>): void {
  const answer = fetch(url, { headers: HEADERS, credentials: "same-origin" }).then(async (response) => {
    await next?.(response.clone()).catch(() => undefined);
    return response;
  });
  // Whoever takes the answer hears of a failure; if nobody does, there is nobody to tell.
  answer.catch(() => undefined);
  asked.set(url, answer);
}

/** The early answer of an address, once: who asks again wants to know what is true then. */
export function take(url: string): Promise<Response> | undefined {
  const answer = asked.get(url);
  asked.delete(url);
  return answer;
}

/** Forgets what nobody took, which would be old when somebody does. */
export const forget = (): void => asked.clear();
