/** The menus of the page. Their code is a chunk of its own: nobody needs it to see the list. */
import { Ellipsis } from 'lucide-react'
import { Suspense, useEffect, useState } from 'react'
import { lazily } from '../lib/lazily'
import { IconButton } from '../ui/button'
import { closeMenu, type MenuContent, opens, useOpenMenu } from './open-menu'

const load = () => import('./menus')
const Menus = lazily(load)

/** The first signs that somebody is about to use the page: then the chunk is fetched unasked, so that the first menu
 * opens at once. What fails then is fetched again when a menu wants it. */
const SIGNS = ['pointermove', 'pointerdown', 'keydown'] as const

/** Where every menu appears; mounted once by the page. */
export function MenuHost() {
  const menu = useOpenMenu()
  const [wasOpen, setWasOpen] = useState(false)
  if (menu && !wasOpen) setWasOpen(true)
  useEffect(() => {
    const prepare = () => void load().catch(() => null)
    for (const sign of SIGNS) addEventListener(sign, prepare, { once: true, passive: true })
    return () => {
      for (const sign of SIGNS) removeEventListener(sign, prepare)
      closeMenu()
    }
  }, [])
  if (!wasOpen) return null
  return (
    <Suspense fallback={null}>
      <Menus menu={menu} />
    </Suspense>
  )
}

/** The button with three dots. */
export function MoreButton({ about, content }: { about: string; content: MenuContent }) {
  return (
    <IconButton label={`More about ${about}`} tip="More" {...opens(content)}>
      <Ellipsis size={16} />
    </IconButton>
  )
}
