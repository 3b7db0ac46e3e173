/** A question in the middle of the page. */
import { Dialog as Base } from '@base-ui/react/dialog'
import type { ReactNode, RefObject } from 'react'
import { keepPlaceBehind } from '../lib/focus'
import styles from './dialog.module.css'

/** `initialFocus` is what the keyboard stands on first: the harmless answer. */
export function Dialog({
  open,
  onClose,
  title,
  description,
  initialFocus,
  actions,
  children,
}: {
  open: boolean
  onClose: () => void
  title: ReactNode
  description?: ReactNode
  initialFocus?: RefObject<HTMLElement | null>
  actions: ReactNode
  children?: ReactNode
}) {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()} onOpenChangeComplete={keepPlaceBehind}>
      <Base.Portal>
        {/* Also above a fullscreen page, which is a dialog itself. */}
        <Base.Backdrop forceRender className={styles.backdrop} />
        <Base.Viewport className={styles.viewport}>
          <Base.Popup className={styles.popup} initialFocus={initialFocus}>
            <Base.Title className={styles.title}>{title}</Base.Title>
            {description && <Base.Description className={styles.description}>{description}</Base.Description>}
            {children}
            <div className={styles.actions}>{actions}</div>
          </Base.Popup>
        </Base.Viewport>
      </Base.Portal>
    </Base.Root>
  )
}
