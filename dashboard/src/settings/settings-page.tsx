/** What a person can choose, who is signed in and may be, and how every part of Weighbridge is. */
import { Keyboard } from 'lucide-react'
import type { Me } from '../api/auth'
import { usePhone } from '../lib/media'
import { openKeys } from '../lib/overlay'
import { chooseTheme, type Theme, useTheme } from '../lib/theme'
import { chooseFeatured, OFF, useFeaturedChoice } from '../models/featured-choice'
import { PageHeader } from '../shell/page-header'
import { Button, ButtonLink } from '../ui/button'
import { Segmented } from '../ui/segmented'
import { Switch } from '../ui/switch'
import { About } from './about'
import { Card } from './card'
import { Line } from './line'
import { Password } from './password'
import { Session } from './session'
import styles from './settings.module.css'
import { Tokens } from './tokens'
import { Users } from './users'

export default function SettingsPage({ me }: { me: Me }) {
  return (
    <>
      <PageHeader title="Settings" />
      <div className={styles.page}>
        <Browser />
        <Card title="Your account">
          <Session me={me} />
          {me.hasPassword && <Password me={me} />}
        </Card>
        <Tokens me={me} />
        {me.role === 'admin' && (
          <>
            <Users me={me} />
            <Card
              title="Audit log"
              note="Who did what to which model, when and from where."
              action={<ButtonLink href="/settings/audit">Open audit log</ButtonLink>}
            />
          </>
        )}
        <Card title="About">
          <About />
        </Card>
      </div>
    </>
  )
}

function Browser() {
  const isPhone = usePhone()
  return (
    <Card title="This browser">
      <Line name="Theme" hint="Light, dark, or as the system says.">
        <ThemeChoice />
      </Line>
      <FeaturedSwitch />
      {!isPhone && (
        <Line name="Keys" hint="Search, make and look without the mouse.">
          <Button icon={<Keyboard size={15} />} onClick={openKeys}>
            List of keys
          </Button>
        </Line>
      )}
    </Card>
  )
}

/** On again it shows a list that was dismissed, too. */
function FeaturedSwitch() {
  const choice = useFeaturedChoice()
  return (
    <div className={styles.line}>
      <Switch
        checked={choice === null}
        onChange={(isShown) => chooseFeatured(isShown ? null : OFF)}
        hint={
          choice === null || choice === OFF
            ? 'A few models that are worth a look, above the list of models.'
            : 'Dismissed until there are new ones.'
        }
      >
        Featured models
      </Switch>
    </div>
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
