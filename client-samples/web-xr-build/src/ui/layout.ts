/** How much of the canvas the panels cover, so that the view's centre stays where it can be seen. */
import type { Insets } from "../scene/view.ts";

/** The same width as in style.css: below it, panels lie under the view instead of beside it. */
const NARROW = "(max-width: 900px)";

/** Calls back now and whenever the covered area changes. */
export function watchInsets(cover: HTMLElement, changed: (insets: Insets) => void): void {
  const narrow = window.matchMedia(NARROW);
  const measure = () => {
    const covered = narrow.matches ? Math.max(0, window.innerHeight - cover.getBoundingClientRect().top) : 0;
    changed({ right: 0, bottom: Math.round(covered) });
  };
  new ResizeObserver(measure).observe(cover);
  window.addEventListener("resize", measure);
  narrow.addEventListener("change", measure);
  measure();
}
