/** Finding the page's elements by their stable test ids. */

/** Throws when index.html and the script disagree: nothing could work then. */
export function element<T extends HTMLElement>(testId: string, type: abstract new (...args: never[]) => T): T {
  const found = document.querySelector(`[data-testid="${testId}"]`);
  if (found instanceof type) return found;
  throw new Error(`index.html has no ${type.name} with data-testid="${testId}"`);
}

export const button = (testId: string): HTMLButtonElement => element(testId, HTMLButtonElement);
