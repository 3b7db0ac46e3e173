/** The square before a model's name: its first letter in the colour of its family, a cloud when hosted. */
import { Cloud } from 'lucide-react'
import styles from './glyph.module.css'

/** `colour` is one of the family colours, 1 to 7, or 0 for other. */
export function Glyph({ name, colour, hosted = false }: { name: string; colour: number; hosted?: boolean }) {
  return (
    <span
      className={styles.glyph}
      style={{ '--family': colour ? `var(--family-${colour})` : 'var(--ink-3)' } as React.CSSProperties}
      aria-hidden="true"
    >
      {hosted ? <Cloud size={15} /> : (name.match(/[\p{L}\p{N}]/u)?.[0] ?? '?').toUpperCase()}
    </span>
  )
}
