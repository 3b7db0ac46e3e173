/** What a person can choose, who is signed in, and how every part of Weighbridge is. */
import { Keyboard } from 'lucide-react'
import { useId, type ReactNode } from 'react'
import type { Me } from '../api/auth'
import { usePhone } from '../lib/media'
import { openKeys } from '../lib/overlay'
import { chooseTheme, type Theme, useTheme } from '../lib/theme'
import { PageHeader } from '../shell/page-header'
import { Button } from '../ui/button'
import { Segmented } from '../ui/segmented'
import { About } from './about'
import { Line } from './line'
import { Session } from './session'
import styles from './settings.module.css'

export default function SettingsPage({ me }: { me: Me }) {
  const isPhone = usePhone()
  return (
    <>
      <PageHeader title="Settings" />
      <div className={styles.page}>
        <Card title="This browser">
          <Line name="Theme" hint="Light, dark, or as the system says.">
            <ThemeChoice />
          </Line>
          {!isPhone && (
            <Line name="Keys" hint="Search, make and look without the mouse.">
              <Button icon={<Keyboard size={15} />} onClick={openKeys}>
                List of keys
              </Button>
            </Line>
          )}
        </Card>
        <Card title="Session">
          <Session me={me} />
        </Card>
        <Card title="About">
          <About />
        </Card>
      </div>
    </>
  )
}

const THEMES: readonly { value: Theme; label: string }[] = [
  { value: 'system', label: 'System' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
]

function ThemeChoice() {
  const { theme } = useTheme()
  return <Segmented label="Theme" value={theme} options={THEMES} onChange={chooseTheme} />
}

function Card({ title, children }: { title: string; children: ReactNode }) {
  const id = useId()
  return (
    <section aria-labelledby={id} className={styles.card}>
      <h2 id={id} className={styles.title}>
        {title}
      </h2>
      {children}
    </section>
  )
}
