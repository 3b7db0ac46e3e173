/** Which menu of the page is open: one at a time, so one root serves every row, card and filter. */
import { type KeyboardEvent, type MouseEvent, useSyncExternalStore } from 'react'
import type { Model } from '../api/models'
import type { Group } from './filters'

export type MenuContent =
  { kind: 'model'; model: Model } | { kind: 'repository'; repo: string } | { kind: 'filter'; group: Group }

/** `anchor` is the button that it hangs on and that gets the focus back. By keyboard the first item is at hand. */
export type OpenMenu = MenuContent & { anchor: HTMLElement; byKeyboard: boolean }

let shown: OpenMenu | null = null
const listeners = new Set<() => void>()

function show(next: OpenMenu | null): void {
  shown = next
  for (const listener of listeners) listener()
}

// Plain functions, so that a row can hand them on without ever being drawn anew.
export const closeMenu = (): void => show(null)

/** What makes a button open a menu; the menu itself marks it as expanded. */
export function opens(content: MenuContent) {
  const open = (anchor: HTMLElement, byKeyboard: boolean) => show({ ...content, anchor, byKeyboard })
  return {
    'aria-haspopup': 'menu',
    'aria-expanded': false,
    // Enter and Space arrive as clicks of no mouse button.
    onClick: ({ currentTarget, detail }: MouseEvent<HTMLElement>) => open(currentTarget, detail === 0),
    onKeyDown: (event: KeyboardEvent<HTMLElement>) => {
      if (event.key !== 'ArrowDown') return
      event.preventDefault()
      open(event.currentTarget, true)
    },
  } as const
}

export function useOpenMenu(): OpenMenu | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => shown,
  )
}
