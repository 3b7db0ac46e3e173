/** The part of a long list that is in the window, scrolled by the window itself. */
import { defaultRangeExtractor, type Range, useWindowVirtualizer } from '@tanstack/react-virtual'
import { type RefObject, useCallback, useEffect, useRef, useState } from 'react'
import { keepPlace, keepPlaceAt } from '../lib/focus'

/** `keys`: what each row is, so that rows move with their models. `isFixed`: each is exactly as tall as `heightOf`. */
export function useRows(
  list: RefObject<HTMLElement | null>,
  {
    keys,
    heightOf,
    isFixed,
    overscan,
  }: {
    keys: readonly (string | number)[]
    heightOf: (index: number) => number
    isFixed: boolean
    overscan: number
  },
) {
  const virtual = useWindowVirtualizer<HTMLDivElement>({
    count: keys.length,
    estimateSize: heightOf,
    getItemKey: useCallback((index: number) => keys[index] ?? index, [keys]),
    scrollMargin: useTop(list),
    rangeExtractor: useFocusedRow(list, keys),
    overscan,
  })
  useNextRow(list, keys)
  const rows = virtual.getVirtualItems().map(({ key, index, start }) => ({
    key,
    index,
    start: start - virtual.options.scrollMargin,
  }))
  return { rows, height: virtual.getTotalSize(), measure: isFixed ? undefined : virtual.measureElement }
}

/** The row that has the keyboard stays, wherever the window scrolls to: the keyboard would lose its place with it. */
function useFocusedRow(list: RefObject<HTMLElement | null>, keys: readonly (string | number)[]) {
  return useCallback(
    (range: Range) => {
      const shown = defaultRangeExtractor(range)
      const row = document.activeElement?.closest<HTMLElement>('[data-key]')
      if (!row || !list.current?.contains(row)) return shown
      const index = keys.findIndex((key) => String(key) === row.dataset.key)
      return index < 0 || shown.includes(index) ? shown : [...shown, index].toSorted((a, b) => a - b)
    },
    [list, keys],
  )
}

/** The row that had the keyboard has gone, deleted here or elsewhere: the one in its place has it now. */
function useNextRow(list: RefObject<HTMLElement | null>, keys: readonly (string | number)[]): void {
  const last = useRef<{ key: string | undefined; index: number } | null>(null)
  useEffect(() => {
    const note = ({ target }: FocusEvent) => {
      const element = target as Element
      // Menus and dialogs come from a row and go back to it.
      if (element.closest('[role=menu], [role=dialog]')) return
      const row = list.current?.contains(element) ? element.closest<HTMLElement>('[data-key]') : null
      last.current = row && { key: row.dataset.key, index: Number(row.dataset.index) }
    }
    document.addEventListener('focusin', note)
    return () => document.removeEventListener('focusin', note)
  }, [list])
  useEffect(() => {
    keepPlaceAt(() => {
      const gone = last.current
      if (!gone || keys.some((key) => String(key) === gone.key)) return null
      const next = Math.min(gone.index, keys.length - 1)
      return list.current?.querySelector<HTMLElement>(`[data-index="${next}"] button`)
    })
    if (last.current) keepPlace()
    return () => keepPlaceAt(() => null)
  }, [list, keys])
  useEffect(() => () => queueMicrotask(keepPlace), [])
}

/** Where the list begins on the page; what stands above it may grow and shrink. */
function useTop(list: RefObject<HTMLElement | null>): number {
  const [top, setTop] = useState(0)
  useEffect(() => {
    const measure = () => list.current && setTop(list.current.getBoundingClientRect().top + scrollY)
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(document.body)
    return () => observer.disconnect()
  }, [list])
  return top
}
