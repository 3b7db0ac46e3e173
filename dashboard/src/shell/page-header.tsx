/** The head of a page: its title, what it counts, the theme, the queue, and the page's own actions. */
import { ArrowDownToLine, Moon, Sun } from 'lucide-react'
import { type ReactNode, useEffect } from 'react'
import { openQueue } from '../lib/overlay'
import { chooseTheme, useTheme } from '../lib/theme'
import { usePhone } from '../lib/media'
import { useTotals } from '../live/progress'
import { Button, IconButton } from '../ui/button'
import { Count } from '../ui/status'
import { ConnectionLine } from './connection'
import styles from './shell.module.css'

export function PageHeader({
  title,
  note,
  children,
}: {
  title: string
  note?: string
  children?: ReactNode
}) {
  const isPhone = usePhone()
  useEffect(() => {
    document.title = `${title} · Weighbridge`
  }, [title])
  return (
    <header className={styles.header}>
      <div className={styles.headerTitle}>
        <h1>{title}</h1>
        {isPhone ? <ConnectionLine /> : note && <span className={styles.headerNote}>{note}</span>}
      </div>
      <ThemeButton />
      {!isPhone && <QueueButton />}
      {children}
    </header>
  )
}

function ThemeButton() {
  const { isDark } = useTheme()
  return (
    <IconButton
      label={isDark ? 'Light theme' : 'Dark theme'}
      onClick={() => chooseTheme(isDark ? 'light' : 'dark')}
    >
      {isDark ? <Sun size={17} /> : <Moon size={17} />}
    </IconButton>
  )
}

function QueueButton() {
  const { unfinished } = useTotals()
  return (
    <Button icon={<ArrowDownToLine size={15} />} onClick={openQueue}>
      Queue {unfinished > 0 && <Count value={unfinished} tone="accent" />}
    </Button>
  )
}
