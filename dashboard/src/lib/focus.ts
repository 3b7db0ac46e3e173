/** Where the keyboard goes on when what it stood on has gone. */

type Find = () => HTMLElement | null | undefined

let findNext: Find = () => null

/** Say who comes next, while that is known; null or undefined: nobody in particular. */
export function keepPlaceAt(find: Find): void {
  findNext = find
}

/** Where nothing has the keyboard, the next one gets it, or else the page: Tab then goes on there, not at the top. */
export function keepPlace(): void {
  if (document.activeElement !== document.body) return
  const next = findNext() ?? document.getElementById('main')
  next?.focus({ preventScroll: true })
}

/** The same once an overlay has gone: it gives the keyboard back by itself, but only while nothing else has it. */
export function keepPlaceBehind(isOpen: boolean): void {
  if (!isOpen) setTimeout(keepPlace)
}
