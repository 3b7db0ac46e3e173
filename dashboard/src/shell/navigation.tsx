/** Sidebar on a desk, icon rail on a tablet, tab bar on a phone: the same entries. */
import { ArrowDownToLine, Boxes, Compass, HardDrive, Settings } from 'lucide-react'
import { memo, type ReactNode } from 'react'
import { Link, useRoute } from 'wouter'
import { openQueue, queueLink } from '../lib/overlay'
import { usePhone } from '../lib/media'
import { useTotals } from '../live/progress'
import { speed } from '../lib/format'
import { Count } from '../ui/status'
import { ConnectionLine } from './connection'
import { Logo } from './logo'
import styles from './shell.module.css'

export const Navigation = memo(function Navigation({ models }: { models: number | null }) {
  const isPhone = usePhone()
  if (isPhone)
    return (
      <nav className={styles.tabs} aria-label="Main">
        <Entries models={null} />
      </nav>
    )
  return (
    <aside className={styles.sidebar}>
      <Link href="/models" className={styles.home} aria-label="Weighbridge, models">
        <Logo />
      </Link>
      <nav aria-label="Main" className={styles.entries}>
        <Entries models={models} />
      </nav>
      <div className={styles.foot}>
        <MiniQueue />
        <ConnectionLine />
      </div>
    </aside>
  )
})

function Entries({ models }: { models: number | null }) {
  const [isModels] = useRoute('/models/*?')
  const [isDiscover] = useRoute('/discover')
  const [isStorage] = useRoute('/storage')
  const [isSettings] = useRoute('/settings/*?')
  const { unfinished } = useTotals()
  return (
    <>
      <Entry href="/models" icon={<Boxes size={17} />} label="Models" isHere={isModels}>
        {models !== null && <Count value={models} />}
      </Entry>
      <Entry href="/discover" icon={<Compass size={17} />} label="Discover" isHere={isDiscover} />
      <Entry
        href={queueLink()}
        icon={<ArrowDownToLine size={17} />}
        label="Downloads"
        isHere={false}
        onOpen={openHere}
      >
        {unfinished > 0 && <Count value={unfinished} tone="solid" />}
      </Entry>
      <Entry href="/storage" icon={<HardDrive size={17} />} label="Storage" isHere={isStorage} />
      <Entry href="/settings" icon={<Settings size={17} />} label="Settings" isHere={isSettings} />
    </>
  )
}

/** The queue opens over the page that is shown; only a page that can't carry it is left. */
function openHere(event: React.MouseEvent): void {
  if (event.metaKey || event.ctrlKey) return
  event.preventDefault()
  openQueue()
}

function Entry({
  href,
  icon,
  label,
  isHere,
  onOpen,
  children,
}: {
  href: string
  icon: ReactNode
  label: string
  isHere: boolean
  onOpen?: (event: React.MouseEvent) => void
  children?: ReactNode
}) {
  return (
    <Link href={href} onClick={onOpen} className={styles.entry} aria-current={isHere ? 'page' : undefined}>
      {icon}
      <span className={styles.entryName}>{label}</span>{' '}
      {children && <span className={styles.entryCount}>{children}</span>}
    </Link>
  )
}

/** What runs now, at a glance; opens the queue. */
function MiniQueue() {
  const { running, speed: total, percents } = useTotals()
  if (!running) return null
  return (
    <button type="button" className={styles.mini} onClick={openQueue}>
      <span className={styles.miniWords}>
        <span>
          {running} <span className={styles.miniWord}>downloading</span>
        </span>{' '}
        <span className={styles.miniSpeed}>{speed(total)}</span>
      </span>
      <span className={styles.miniBars} aria-hidden="true">
        {percents.map((percent, index) => (
          <span key={index} className={styles.miniTrack}>
            <span style={{ transform: `translateX(${percent - 100}%)` }} />
          </span>
        ))}
      </span>
    </button>
  )
}
