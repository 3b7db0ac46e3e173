/** What the screen is like. */
import { useSyncExternalStore } from 'react'

function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const media = matchMedia(query)
      media.addEventListener('change', listener)
      return () => media.removeEventListener('change', listener)
    },
    () => matchMedia(query).matches,
  )
}

/** Narrower than 760 px: stacked rows, sheets, a tab bar. */
export const usePhone = (): boolean => useMedia('(max-width: 759px)')

/** Narrower than 1180 px: an icon rail, fewer columns. */
export const useTablet = (): boolean => useMedia('(max-width: 1179px)')

/** Wide enough for two cards side by side. */
export const useTwoColumns = (): boolean => useMedia('(min-width: 1000px)')
