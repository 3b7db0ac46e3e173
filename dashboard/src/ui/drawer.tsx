/** A panel from the right; on a phone a sheet from below that a finger can swipe away. */
import { Drawer as Base } from '@base-ui/react/drawer'
import { X } from 'lucide-react'
import { type ReactNode, useRef } from 'react'
import { keepPlaceBehind } from '../lib/focus'
import { usePhone } from '../lib/media'
import { IconButton } from './button'
import styles from './drawer.module.css'

/** Focus starts on the panel itself, so that no ring stands on the close button, and goes back where it came from. */
export function Drawer({
  open,
  onClose,
  title,
  subtitle,
  glyph,
  actions,
  footer,
  fit = false,
  full = false,
  children,
}: {
  open: boolean
  onClose: () => void
  title: ReactNode
  subtitle?: ReactNode
  glyph?: ReactNode
  actions?: ReactNode
  footer?: ReactNode
  /** On a phone no taller than its content. */
  fit?: boolean
  /** On a phone the whole screen. */
  full?: boolean
  children: ReactNode
}) {
  const popup = useRef<HTMLDivElement>(null)
  const isPhone = usePhone()
  return (
    <Base.Root
      open={open}
      onOpenChange={(next) => !next && onClose()}
      onOpenChangeComplete={keepPlaceBehind}
      swipeDirection={isPhone ? 'down' : 'right'}
    >
      <Base.Portal>
        <Base.Backdrop className={styles.backdrop} />
        <Base.Viewport className={styles.viewport}>
          <Base.Popup
            ref={popup}
            initialFocus={popup}
            className={[styles.popup, fit && styles.fit, full && styles.full].filter(Boolean).join(' ')}
          >
            <Base.Content className={styles.content}>
              <header className={styles.header}>
                {glyph}
                <div className={styles.titles}>
                  <Base.Title className={styles.title}>{title}</Base.Title>
                  {subtitle && <div className={styles.subtitle}>{subtitle}</div>}
                </div>
                {actions}
                <IconButton label="Close" onClick={onClose}>
                  <X size={17} />
                </IconButton>
              </header>
              <div className={styles.body}>{children}</div>
              {footer && <footer className={styles.footer}>{footer}</footer>}
            </Base.Content>
          </Base.Popup>
        </Base.Viewport>
      </Base.Portal>
    </Base.Root>
  )
}
